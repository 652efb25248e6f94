/*
 * Forced into every Lua source: errors end the program instead of unwinding with longjmp, in native code too, so that both
 * builds do the same work. The scripts here raise none, and coroutines never yield.
 */
#include <stdlib.h>
#define LUAI_THROW(L, c) abort()
#define LUAI_TRY(L, c, a) \
    do {                  \
        a                 \
    } while (0)
#define luai_jmpbuf int

/* The seed of string hashes would come from an address and the clock: no two runs would do the same work. */
#define luai_makeseed(L) 0x5bd1e995u
