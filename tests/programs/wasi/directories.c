// Directories and names: making, listing, linking, renaming, removing.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition) \
    ((condition) ? (void)0 : (printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)), exit(1)))

#define FAILS(call, number) (errno = 0, CHECK((call) == -1 && errno == (number)))

static void touch(const char *path) {
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    CHECK(fd >= 0 && close(fd) == 0);
}

static const char *kind(const char *path) {
    struct stat status;
    CHECK(lstat(path, &status) == 0);
    return S_ISDIR(status.st_mode) ? "directory" : S_ISLNK(status.st_mode) ? "link" : "file";
}

static void list(const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    CHECK(count >= 0);
    printf("%s:", path);
    for (int i = 0; i < count; i++) {
        printf(" %s", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("\n");
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *position) {
    (void)status;
    (void)type;
    printf("removing %s at level %d\n", path, position->level);
    return remove(path);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && chdir(argv[1]) == 0);
    CHECK(mkdir("tree", 0755) == 0 && mkdir("tree/branch", 0755) == 0);
    FAILS(mkdir("tree", 0755), EEXIST);
    FAILS(mkdir("none/x", 0755), ENOENT);
    touch("tree/leaf");
    CHECK(symlink("leaf", "tree/link") == 0 && link("tree/leaf", "tree/twin") == 0);
    list("tree");
    printf("%s %s %s\n", kind("tree/branch"), kind("tree/link"), kind("tree/twin"));

    struct stat one, two;
    CHECK(stat("tree/link", &one) == 0 && stat("tree/twin", &two) == 0);
    CHECK(one.st_ino == two.st_ino && one.st_nlink == 2);
    char target[16] = "";
    CHECK(readlink("tree/link", target, sizeof target) == 4 && !strcmp(target, "leaf"));
    FAILS(readlink("tree/leaf", target, sizeof target), EINVAL);
    FAILS(open("tree/link", O_RDONLY | O_NOFOLLOW), ELOOP);
    FAILS(open("tree/leaf", O_RDONLY | O_DIRECTORY), ENOTDIR);

    // A thousand entries need many buffers, and removing while listing must not lose any.
    CHECK(mkdir("many", 0755) == 0);
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        touch(name);
    }
    DIR *dir = opendir("many");
    CHECK(dir != NULL);
    int seen = 0, sum = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            seen++;
            sum += atoi(entry->d_name);
            CHECK(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
        }
    printf("%d entries, sum %d\n", seen, sum);
    rewinddir(dir);
    int left = 0;
    while (readdir(dir))
        left++;
    printf("%d entries left\n", left);
    CHECK(closedir(dir) == 0 && rmdir("many") == 0);

    FAILS(rmdir("tree"), ENOTEMPTY);
    FAILS(unlink("tree/branch"), EISDIR);
    FAILS(rmdir("tree/leaf"), ENOTDIR);
    CHECK(rename("tree/leaf", "tree/branch/fruit") == 0);
    FAILS(rename("tree", "tree/branch/tree"), EINVAL);
    CHECK(rename("tree", "forest") == 0);
    list("forest/branch");
    CHECK(access("forest/twin", R_OK) == 0);
    FAILS(access("tree", F_OK), ENOENT);

    char *cwd = getcwd(NULL, 0);
    printf("in %s\n", cwd);
    free(cwd);
    // Symbolic link last: its order among its siblings is the host's affair.
    CHECK(unlink("forest/link") == 0 && unlink("forest/twin") == 0);
    CHECK(nftw("forest", visit, 8, FTW_DEPTH | FTW_PHYS) == 0);
    list(".");
    return 0;
}
