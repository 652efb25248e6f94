// What lies outside the given directory cannot be reached: by name, by `..`, by symbolic links.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void try(const char *path) {
    errno = 0;
    int fd = open(path, O_RDONLY);
    if (fd >= 0) {
        char text[32] = "";
        read(fd, text, sizeof text - 1);
        printf("%-24s opened: %s\n", path, text);
        close(fd);
        return;
    }
    printf("%-24s %s\n", path, strerror(errno));
    struct stat status;
    if (stat(path, &status) == 0)
        printf("%-24s but it can be looked at\n", path);
    if (open(path, O_WRONLY | O_CREAT, 0644) >= 0)
        printf("%-24s but it can be created\n", path);
}

int main(int argc, char **argv) {
    if (argc != 2 || chdir(argv[1]) != 0)
        return 1;
    mkdir("inside", 0755);
    symlink("../outside", "relative");
    symlink("..", "parent");
    symlink("inside/../own", "around");
    if (symlink("/etc/passwd", "absolute") == 0)
        puts("an absolute link can be made");
    FILE *own = fopen("own", "w");
    fputs("own", own);
    fclose(own);

    try("own");
    try("inside/../own");
    try("around");
    try("../outside");
    try("inside/../../outside");
    try("relative");
    try("parent/outside");
    try("/etc/passwd");
    try("/proc/self/environ");
    return 0;
}
