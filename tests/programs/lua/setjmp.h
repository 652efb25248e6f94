/*
 * WASI's C library of Debian 12 has no setjmp. Lua includes this header for its error handling, which main.c's build flags
 * replace (see LUAI_TRY there), so nothing has to be declared.
 */
