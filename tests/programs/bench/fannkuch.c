/*
 * Pancake flipping over every permutation of n numbers (Anderson and Rettig, "Performing Lisp analysis of the FANNKUCH
 * benchmark"): short loops over small arrays, unpredictable branches.
 */
#include "harness.h"

#define MAX_SIZE 12

static unsigned count_flips(const uint8_t *permutation, unsigned n) {
    uint8_t stack[MAX_SIZE];
    unsigned flips = 0;
    memcpy(stack, permutation, n);
    while (stack[0] != 0) {
        for (unsigned low = 0, high = stack[0]; low < high; low++, high--) {
            uint8_t held = stack[low];
            stack[low] = stack[high];
            stack[high] = held;
        }
        flips++;
    }
    return flips;
}

int main(int argc, char **argv) {
    unsigned n = 7 + scale_argument(argc, argv);
    if (n > MAX_SIZE) {
        n = MAX_SIZE;
    }
    uint8_t permutation[MAX_SIZE], turns[MAX_SIZE];
    for (unsigned i = 0; i < n; i++) {
        permutation[i] = (uint8_t)i;
        turns[i] = 0;
    }
    unsigned longest = 0;
    int32_t total = 0;
    for (uint32_t index = 0;; index++) {
        unsigned flips = count_flips(permutation, n);
        longest = flips > longest ? flips : longest;
        total += index % 2 == 0 ? (int32_t)flips : -(int32_t)flips;
        /* The next permutation: turn the first k+1 entries left, for the smallest k that has turns left. */
        unsigned k = 1;
        for (;; k++) {
            if (k == n) {
                printf("fannkuch %u: longest %u, sum %d\n", n, longest, total);
                return 0;
            }
            uint8_t first = permutation[0];
            memmove(permutation, permutation + 1, k);
            permutation[k] = first;
            if (++turns[k] <= k) {
                break;
            }
            turns[k] = 0;
        }
    }
}
