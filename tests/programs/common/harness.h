/*
 * What every program here needs: input that is the same on each machine and run, a checksum of what was computed,
 * and how much work to do, from the command line. Header only, so that a program stays one source file.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*: state must never be zero. */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

#define CHECKSUM_START UINT64_C(0xcbf29ce484222325)

/* FNV-1a over eight bytes at a time, then over the rest: a checksum must not become the program's hot loop. */
static inline uint64_t checksum(uint64_t hash, const void *data, size_t length) {
    const unsigned char *bytes = data;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
        bytes += 8;
        length -= 8;
    }
    while (length-- > 0) {
        hash = (hash ^ *bytes++) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static inline uint64_t checksum_u64(uint64_t hash, uint64_t value) { return checksum(hash, &value, sizeof value); }

/* First command line argument as the amount of work, at least 1. */
static inline unsigned scale_argument(int argc, char **argv) {
    if (argc < 2) {
        return 1;
    }
    char *end;
    unsigned long scale = strtoul(argv[1], &end, 10);
    if (*end != '\0' || scale == 0 || scale > 1000000000) {
        fprintf(stderr, "usage: %s [SCALE]   (a positive number, not '%s')\n", argv[0], argv[1]);
        exit(2);
    }
    return (unsigned)scale;
}

#endif
