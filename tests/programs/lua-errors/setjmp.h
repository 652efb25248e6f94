/*
 * WASI's C library of Debian 12 has no setjmp. clang makes WebAssembly exceptions of it (`-wasm-enable-sjlj`), and asks
 * for three functions, which main.c has. Natively this is the system's header.
 */
#ifndef __wasm__
#include_next <setjmp.h>
#else
#pragma once
/* What a call of setjmp notes, and what a longjmp throws the address of. */
struct __jump {
    void *invocation;
    unsigned label;
    struct {
        void *buffer;
        int value;
    } thrown;
};
typedef struct __jump jmp_buf[1];
int setjmp(jmp_buf) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf, int);
#endif
