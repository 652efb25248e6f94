// Ways to end: by returning, by exit, from deep inside, and by abort.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void goodbye(void) { puts("goodbye"); }

static void deep(int depth, int code) {
    if (depth == 0)
        exit(code);
    deep(depth - 1, code);
    puts("not reached");
}

int main(int argc, char **argv) {
    atexit(goodbye);
    const char *way = argc > 1 ? argv[1] : "";
    int code = argc > 2 ? atoi(argv[2]) : 0;
    printf("%s %d\n", way, code);
    fflush(stdout);
    if (!strcmp(way, "return"))
        return code;
    if (!strcmp(way, "exit"))
        exit(code);
    if (!strcmp(way, "deep"))
        deep(1000, code);
    if (!strcmp(way, "quick"))
        _Exit(code);
    abort();
}
