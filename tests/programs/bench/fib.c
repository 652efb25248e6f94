/* Plain recursion: the cost of a call and little else. */
#include "harness.h"

__attribute__((noinline)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

int main(int argc, char **argv) {
    unsigned scale = scale_argument(argc, argv);
    uint64_t hash = CHECKSUM_START;
    for (unsigned round = 0; round < scale; round++) {
        hash = checksum_u64(hash, fib(25 + round % 3));
    }
    printf("fib: %016llx\n", (unsigned long long)hash);
    return 0;
}
