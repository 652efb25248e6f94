/* The Lua interpreter running a fixed script: tables, strings, closures, numbers, the collector. */
#include "harness.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char script[] =
    "local scale = ...\n"
    "local function sieve(n)\n"
    "  local composite, count = {}, 0\n"
    "  for i = 2, n do\n"
    "    if not composite[i] then count = count + 1; for j = i * i, n, i do composite[j] = true end end\n"
    "  end\n"
    "  return count\n"
    "end\n"
    "local function queens(n)\n"
    "  local columns, up, down, found = {}, {}, {}, 0\n"
    "  local function place(row)\n"
    "    if row > n then found = found + 1 return end\n"
    "    for c = 1, n do\n"
    "      if not (columns[c] or up[row + c] or down[row - c + n]) then\n"
    "        columns[c], up[row + c], down[row - c + n] = true, true, true\n"
    "        place(row + 1)\n"
    "        columns[c], up[row + c], down[row - c + n] = false, false, false\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  place(1)\n"
    "  return found\n"
    "end\n"
    "local function words(n)\n"
    "  local parts, seen = {}, {}\n"
    "  for i = 1, n do parts[#parts + 1] = string.format('%x', i * 2654435761 % 65536) end\n"
    "  local text = table.concat(parts, ' ')\n"
    "  for w in text:gmatch('%x+') do seen[w] = (seen[w] or 0) + 1 end\n"
    "  local keys = {}\n"
    "  for w in pairs(seen) do keys[#keys + 1] = w end\n"
    "  table.sort(keys, function(a, b) return seen[a] > seen[b] or seen[a] == seen[b] and a < b end)\n"
    "  return #keys .. ' ' .. keys[1] .. ' ' .. keys[#keys]\n"
    "end\n"
    "local function integral(n)\n"
    "  local sum = 0.0\n"
    "  for i = 0, n - 1 do local x = (i + 0.5) / n; sum = sum + math.sqrt(1.0 - x * x) end\n"
    "  return string.format('%.9f', 4 * sum / n)\n"
    "end\n"
    "for round = 1, scale do\n"
    "  print(round, sieve(20000 + round), queens(6), words(4000 + round), integral(20000 + round))\n"
    "end\n";

int main(int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    lua_State *lua = luaL_newstate();
    if (lua == NULL) {
        fprintf(stderr, "lua: out of memory\n");
        return 1;
    }
    luaL_requiref(lua, "_G", luaopen_base, 1);
    luaL_requiref(lua, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 1);
    lua_settop(lua, 0);
    if (luaL_loadbuffer(lua, script, sizeof script - 1, "=script") != LUA_OK) {
        fprintf(stderr, "lua: %s\n", lua_tostring(lua, -1));
        return 1;
    }
    lua_pushinteger(lua, scale);
    lua_call(lua, 1, 0);
    lua_close(lua);
    return 0;
}
