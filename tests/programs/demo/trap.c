/* A mistake three calls deep: the sum runs over the end of the numbers, and of the whole memory. */
#include <stdio.h>

static int numbers[4] = {3, 1, 4, 1};

__attribute__((noinline)) static int read_number(const int *from, int index) { return from[index]; }

__attribute__((noinline)) static int sum_up_to(int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        sum += read_number(numbers, i);
    }
    return sum;
}

__attribute__((noinline)) static int report(int count) {
    printf("adding %d numbers\n", count);
    fflush(stdout);
    int sum = sum_up_to(count);
    printf("the sum is %d\n", sum);
    return sum;
}

int main(int argc, char **argv) {
    (void)argv;
    report(3 + argc);
    return report(2000000000) & 1;
}
