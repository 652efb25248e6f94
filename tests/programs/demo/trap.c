/* A mistake two calls below main: the mean of no numbers at all. */
#include <stdio.h>

__attribute__((noinline)) static int mean(const int *numbers, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        sum += numbers[i];
    }
    return sum / count;
}

__attribute__((noinline)) static void summarize(const char *title, const int *numbers, int count) {
    printf("%s: %d numbers\n", title, count);
    fflush(stdout); /* a trap leaves no time for it */
    printf("  their mean is %d\n", mean(numbers, count));
}

int main(int argc, char **argv) {
    static const int numbers[] = {3, 14, 15, 92, 65};
    (void)argv;
    summarize("first", numbers, 5);
    summarize("second", numbers + 2, argc - 1);
    return 0;
}
