// A pool of POSIX threads that share a queue; and, by argument, the ways in which a program of several threads can end.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 3
#define CAPACITY 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned queue[CAPACITY], first, count;
static int is_closed;
static unsigned long long plain_sum;
static _Atomic uint64_t atomic_sum;
static _Atomic uint8_t narrow;
static _Thread_local unsigned own = 1000;

static unsigned collatz(uint64_t number) {
    unsigned steps = 0;
    for (; number != 1; steps++) number = number % 2 ? 3 * number + 1 : number / 2;
    return steps;
}

static void *work(void *argument) {
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (count == 0 && !is_closed) pthread_cond_wait(&changed, &lock);
        if (count == 0) {
            pthread_mutex_unlock(&lock);
            return (void *)(uintptr_t)own;
        }
        unsigned number = queue[first];
        first = (first + 1) % CAPACITY;
        count--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);

        unsigned steps = collatz(number);
        own++;
        atomic_fetch_add(&atomic_sum, steps);
        atomic_fetch_add(&narrow, 1);
        pthread_mutex_lock(&lock);
        plain_sum += steps;
        pthread_mutex_unlock(&lock);
    }
}

static void compute(unsigned numbers) {
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL)) abort();
    for (unsigned number = 1; number <= numbers; number++) {
        pthread_mutex_lock(&lock);
        while (count == CAPACITY) pthread_cond_wait(&changed, &lock);
        queue[(first + count) % CAPACITY] = number;
        count++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    is_closed = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    uintptr_t done = 0;
    for (int i = 0; i < WORKERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        done += (uintptr_t)result - 1000;
    }
    printf("%u numbers, %llu steps, %llu again, counted %lu and %u\n", numbers, plain_sum,
           (unsigned long long)atomic_sum, (unsigned long)done, (unsigned)narrow);
}

// Volatile and visible, or the compiler would know that nobody sets it.
volatile _Atomic int never;

static void *spin(void *argument) {
    while (!atomic_load(&never)) own++;
    return argument;
}

static void *wait(void *argument) {
    pthread_mutex_lock(&lock);
    while (!atomic_load(&never)) pthread_cond_wait(&changed, &lock);
    return argument;
}

static void *trap(void *argument) {
    __builtin_trap();
    return argument;
}

static void *leave(void *argument) {
    exit(*(int *)argument);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    int number = argc > 2 ? atoi(argv[2]) : 0;
    pthread_t thread;
    if (!strcmp(what, "compute")) {
        compute((unsigned)number);
        return 0;
    }
    // How many threads can there be?
    if (!strcmp(what, "count")) {
        int threads = 0, error;
        while (!(error = pthread_create(&thread, NULL, wait, NULL))) threads++;
        printf("%d, then %s\n", threads, error == EAGAIN ? "EAGAIN" : "another error");
        return 0;
    }
    // A second thread, which the program does not wait for, spins; a third one may end the program.
    if (pthread_create(&thread, NULL, spin, NULL) || pthread_create(&thread, NULL, wait, NULL)) return 1;
    if (!strcmp(what, "return")) return number;
    if (!strcmp(what, "exit")) exit(number);
    if (!strcmp(what, "trap")) abort();
    if (!strcmp(what, "thread-exit") && pthread_create(&thread, NULL, leave, &number)) return 1;
    if (!strcmp(what, "thread-trap") && pthread_create(&thread, NULL, trap, NULL)) return 1;
    pthread_join(thread, NULL);
    return 1;
}
