// The part of POSIX threads that the programs beside this folder need, over wasi-threads: for C libraries that have none. A
// thread is an instance of the module; what they share is the memory. Stacks come from a fixed pool.
#ifndef PTHREAD_H
#define PTHREAD_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#define POOL 8
#define STACK_SIZE 65536
#define TLS_SIZE 4096

struct thread {
    _Alignas(16) char stack[STACK_SIZE];
    _Alignas(16) char tls[TLS_SIZE];
    void *(*start)(void *);
    void *argument;
    void *result;
    // 0: free, 1: taken, 2: has ended.
    _Atomic int state;
};

typedef struct thread *pthread_t;
typedef struct { int unused; } pthread_attr_t;
// 0: free, 1: locked, 2: locked, and somebody may be waiting.
typedef struct { _Atomic int state; } pthread_mutex_t;
typedef struct { _Atomic int signals; } pthread_cond_t;
#define PTHREAD_MUTEX_INITIALIZER {0}
#define PTHREAD_COND_INITIALIZER {0}

static struct thread pthread_pool[POOL];

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int pthread_spawn(void *argument);
void __wasm_init_tls(void *memory);

static inline void pthread_wait(_Atomic int *place, int value) {
    __builtin_wasm_memory_atomic_wait32((int *)place, value, -1);
}

static inline void pthread_wake(_Atomic int *place, unsigned count) {
    __builtin_wasm_memory_atomic_notify((int *)place, count);
}

__attribute__((noinline)) static void pthread_run(struct thread *self) {
    __wasm_init_tls(self->tls);
    self->result = self->start(self->argument);
    atomic_store(&self->state, 2);
    pthread_wake(&self->state, -1u);
}

// Has no frame of its own on the stack that it is about to choose.
__attribute__((export_name("wasi_thread_start"))) void pthread_enter(int number, struct thread *self) {
    (void)number;
    __asm__ volatile(".globaltype __stack_pointer, i32\n"
                     "local.get %0\n"
                     "global.set __stack_pointer"
                     :
                     : "r"(self->stack + STACK_SIZE)
                     : "memory");
    pthread_run(self);
}

static inline int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                                 void *argument) {
    (void)attributes;
    if (__builtin_wasm_tls_size() > TLS_SIZE) return EAGAIN;
    for (int i = 0; i < POOL; i++) {
        struct thread *self = &pthread_pool[i];
        int vacant = 0;
        if (!atomic_compare_exchange_strong(&self->state, &vacant, 1)) continue;
        self->start = start;
        self->argument = argument;
        if (pthread_spawn(self) < 0) {
            atomic_store(&self->state, 0);
            return EAGAIN;
        }
        *thread = self;
        return 0;
    }
    return EAGAIN;
}

static inline int pthread_join(pthread_t thread, void **result) {
    while (atomic_load(&thread->state) != 2) pthread_wait(&thread->state, 1);
    if (result) *result = thread->result;
    atomic_store(&thread->state, 0);
    return 0;
}

static inline int pthread_mutex_lock(pthread_mutex_t *mutex) {
    int found = 0;
    if (atomic_compare_exchange_strong(&mutex->state, &found, 1)) return 0;
    while (atomic_exchange(&mutex->state, 2) != 0) pthread_wait(&mutex->state, 2);
    return 0;
}

static inline int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    if (atomic_exchange(&mutex->state, 0) == 2) pthread_wake(&mutex->state, 1);
    return 0;
}

static inline int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    int seen = atomic_load(&condition->signals);
    pthread_mutex_unlock(mutex);
    pthread_wait(&condition->signals, seen);
    return pthread_mutex_lock(mutex);
}

static inline int pthread_cond_broadcast(pthread_cond_t *condition) {
    atomic_fetch_add(&condition->signals, 1);
    pthread_wake(&condition->signals, -1u);
    return 0;
}

#endif
