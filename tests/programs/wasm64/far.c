/*
 * A hash map, a sort and block copies on memory that a 64-bit index reaches only: the WebAssembly build leaves 4 GiB of
 * its memory untouched below everything that it allocates. Without a C library; natively it has a main.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#define PAGE ((size_t)65536)

/* NULL if the memory cannot grow. */
static void *allocate(size_t size) {
    static size_t next, end;
    if (end == 0) {
        if (__builtin_wasm_memory_grow(0, ((size_t)1 << 32) / PAGE) == (size_t)-1) {
            return NULL;
        }
        next = end = __builtin_wasm_memory_size(0) * PAGE;
    }
    size = (size + 15) & ~(size_t)15;
    if (end - next < size) {
        size_t pages = (size - (end - next) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) {
            return NULL;
        }
        end += pages * PAGE;
    }
    void *start = (void *)next;
    next += size;
    return start;
}

static int is_far(const void *place) { return (uintptr_t)place >> 32 != 0; }
#else
#include <stdio.h>
#include <stdlib.h>
#define EXPORT(name)

static void *allocate(size_t size) { return calloc(size, 1); }
static int is_far(const void *place) { return place != NULL; }
#endif

static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

struct entry {
    struct entry *next;
    uint64_t key, count;
};

struct map {
    struct entry **buckets;
    size_t mask, length;
};

static int count(struct map *map, uint64_t key) {
    struct entry **place = &map->buckets[(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & map->mask];
    while (*place != NULL && (*place)->key != key) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        struct entry *entry = allocate(sizeof *entry);
        if (entry == NULL) {
            return 0;
        }
        entry->next = NULL;
        entry->key = key;
        entry->count = 0;
        *place = entry;
        map->length++;
    }
    (*place)->count++;
    return 1;
}

static void sift(uint64_t *heap, size_t root, size_t length) {
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= length) {
            return;
        }
        child += child + 1 < length && heap[child] < heap[child + 1];
        if (heap[root] >= heap[child]) {
            return;
        }
        uint64_t value = heap[root];
        heap[root] = heap[child];
        heap[child] = value;
        root = child;
    }
}

static void heap_sort(uint64_t *values, size_t length) {
    for (size_t i = length / 2; i-- > 0;) {
        sift(values, i, length);
    }
    while (length > 1) {
        uint64_t value = values[--length];
        values[length] = values[0];
        values[0] = value;
        sift(values, 0, length);
    }
}

/* A checksum of n keys counted, sorted and copied; 0 if there is no memory. */
EXPORT("run") uint64_t run(uint64_t n) {
    struct map map = {allocate(4096 * sizeof(struct entry *)), 4095, 0};
    uint64_t *values = allocate(n * sizeof *values), *copies = allocate(n * sizeof *copies);
    if (map.buckets == NULL || !is_far(values) || !is_far(copies)) {
        return 0;
    }
    uint64_t state = 42;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key = next_random(&state) % (n / 2 + 1);
        values[i] = key << 32 | i;
        if (!count(&map, key)) {
            return 0;
        }
    }
    heap_sort(values, n);
    __builtin_memset(copies, 0xff, n * sizeof *copies);
    /* Overlapping halves, moved up by one. */
    __builtin_memcpy(copies, values, n * sizeof *copies);
    __builtin_memmove(copies + 1, copies, (n - 1) * sizeof *copies);
    uint64_t sum = map.length;
    for (uint64_t i = 0; i < n; i++) {
        sum = (sum ^ copies[i]) * UINT64_C(0x100000001b3) + values[n - 1 - i];
    }
    for (size_t bucket = 0; bucket <= map.mask; bucket++) {
        for (const struct entry *entry = map.buckets[bucket]; entry != NULL; entry = entry->next) {
            sum = (sum ^ entry->key ^ entry->count << 40) * UINT64_C(0x100000001b3);
        }
    }
    return sum;
}

#ifndef __wasm__
int main(int argc, char **argv) {
    printf("%#llx:i64\n", (unsigned long long)run(argc > 1 ? strtoull(argv[1], NULL, 10) : 1));
    return 0;
}
#endif
