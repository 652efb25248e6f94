/* The Lua interpreter running a fixed script that raises errors and switches between coroutines: setjmp and longjmp. */
#include "harness.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#ifdef __wasm__
#include <setjmp.h>

/* Every object that throws or catches refers to this tag. */
__asm__(".globl __c_longjmp\n"
        ".tagtype __c_longjmp i32\n"
        "__c_longjmp:\n");

void __wasm_setjmp(void *buffer, unsigned label, void *invocation) {
    struct __jump *jump = buffer;
    jump->invocation = invocation;
    jump->label = label;
}

unsigned __wasm_setjmp_test(void *buffer, void *invocation) {
    struct __jump *jump = buffer;
    return jump->invocation == invocation ? jump->label : 0;
}

void __wasm_longjmp(void *buffer, int value) {
    struct __jump *jump = buffer;
    jump->thrown.buffer = buffer;
    jump->thrown.value = value == 0 ? 1 : value;
    __builtin_wasm_throw(1, &jump->thrown);
}
#endif

static const char script[] =
    "local scale = ...\n"
    "local function deep(n)\n"
    "  if n == 0 then error({ code = 42 }) end\n"
    "  return deep(n - 1) + 1\n"
    "end\n"
    "local function nested(n)\n"
    "  if n == 0 then error('bottom') end\n"
    "  local ok, message = pcall(nested, n - 1)\n"
    "  error(message .. n, 0)\n"
    "end\n"
    "local function generator(n)\n"
    "  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i * i) end end)\n"
    "end\n"
    "for round = 1, scale do\n"
    "  local caught, sum = 0, 0\n"
    "  for depth = 1, 60 do\n"
    "    local ok, value = pcall(deep, depth)\n"
    "    if not ok and value.code == 42 then caught = caught + 1 end\n"
    "  end\n"
    "  for value in generator(300 + round) do sum = sum + value end\n"
    "  local failed = coroutine.create(function() coroutine.yield(1); local x = nil; return x.y end)\n"
    "  coroutine.resume(failed)\n"
    "  local alive, why = coroutine.resume(failed)\n"
    "  local _, text = pcall(nested, 12)\n"
    "  local _, traced = xpcall(function() return #nil end, function(m) return 'handled: ' .. m end)\n"
    "  print(round, caught, sum, alive, why, text, traced, select(2, pcall(string.rep)))\n"
    "end\n";

int main(int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    lua_State *lua = luaL_newstate();
    if (lua == NULL) {
        fprintf(stderr, "lua: out of memory\n");
        return 1;
    }
    luaL_requiref(lua, "_G", luaopen_base, 1);
    luaL_requiref(lua, LUA_COLIBNAME, luaopen_coroutine, 1);
    luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 1);
    lua_settop(lua, 0);
    if (luaL_loadbuffer(lua, script, sizeof script - 1, "=script") != LUA_OK) {
        fprintf(stderr, "lua: %s\n", lua_tostring(lua, -1));
        return 1;
    }
    lua_pushinteger(lua, scale);
    if (lua_pcall(lua, 1, 0, 0) != LUA_OK) {
        fprintf(stderr, "lua: %s\n", lua_tostring(lua, -1));
        return 1;
    }
    lua_close(lua);
    return 0;
}
