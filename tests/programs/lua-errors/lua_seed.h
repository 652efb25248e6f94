/* Forced into every Lua source. The seed of string hashes would come from an address and the clock: no two runs would do the same work. */
#define luai_makeseed(L) 0x5bd1e995u
