// Arguments, environment and the three standard streams.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
    // The name of the program is where it was found, which differs from run to run.
    const char *name = strrchr(argv[0], '/');
    printf("%s\n", name ? name + 1 : argv[0]);
    for (int i = 1; i < argc; i++)
        printf("argument %d: [%s]\n", i, argv[i]);
    for (char **variable = environ; *variable; variable++)
        printf("variable: [%s]\n", *variable);
    const char *home = getenv("HOME");
    printf("HOME is %s\n", home ? home : "not set");
    for (int stream = 0; stream < 3; stream++)
        printf("%d is %s\n", stream, isatty(stream) ? "a terminal" : "not a terminal");
    fflush(stdout);

    fprintf(stderr, "on standard error\n");
    int number = 0;
    char word[16] = "";
    if (scanf("%d %15s", &number, word) == 2)
        printf("read %d and %s\n", number, word);
    int character;
    while ((character = getchar()) != EOF)
        putchar(toupper(character));
    printf("end of input: %d\n", feof(stdin) != 0);
    return 0;
}
