// Files through the C library: data, positions, sizes, times, modes of opening.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHECK(condition) \
    ((condition) ? (void)0 : (printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)), exit(1)))

// Fails with this error number.
#define FAILS(call, number) (errno = 0, CHECK((call) == -1 && errno == (number)))

static void show(const char *path) {
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    char line[80];
    printf("%s:\n", path);
    while (fgets(line, sizeof line, file))
        printf("  %s", line);
    fclose(file);
}

static void streams(void) {
    FILE *file = fopen("stream", "w");
    CHECK(file != NULL);
    for (int i = 1; i <= 5; i++)
        fprintf(file, "line %d\n", i);
    CHECK(fclose(file) == 0);
    CHECK((file = fopen("stream", "a")) != NULL);
    fputs("appended\n", file);
    CHECK(fclose(file) == 0);
    CHECK((file = fopen("stream", "r+")) != NULL);
    CHECK(fseek(file, 7, SEEK_SET) == 0);
    fputs("LINE", file);
    CHECK(fseek(file, -9, SEEK_END) == 0);
    CHECK(ftell(file) == 35);
    CHECK(fgetc(file) == 'a' && ungetc('A', file) == 'A' && fgetc(file) == 'A');
    CHECK(fclose(file) == 0);
    show("stream");
    CHECK(fopen("stream", "wx") == NULL && errno == EEXIST);
    CHECK(fopen("none", "r") == NULL && errno == ENOENT);
    CHECK(fopen("stream/x", "r") == NULL && errno == ENOTDIR);
}

static void descriptors(void) {
    int fd = open("data", O_RDWR | O_CREAT | O_EXCL, 0644);
    CHECK(fd >= 3);
    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(pwrite(fd, "AB", 2, 3) == 2);
    char buffer[16] = "";
    CHECK(pread(fd, buffer, 4, 2) == 4 && !memcmp(buffer, "2AB5", 4));
    CHECK(lseek(fd, -2, SEEK_END) == 8);
    CHECK(read(fd, buffer, sizeof buffer) == 2 && !memcmp(buffer, "89", 2));
    CHECK(read(fd, buffer, sizeof buffer) == 0);
    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);

    char first[3], second[4];
    struct iovec parts[] = {{first, 3}, {NULL, 0}, {second, 4}};
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(readv(fd, parts, 3) == 7 && !memcmp(first, "012", 3) && !memcmp(second, "AB56", 4));
    CHECK(writev(fd, parts, 3) == 7);

    struct stat status;
    CHECK(fstat(fd, &status) == 0 && status.st_size == 14 && S_ISREG(status.st_mode));
    CHECK(ftruncate(fd, 4) == 0 && fstat(fd, &status) == 0 && status.st_size == 4);
    CHECK(ftruncate(fd, 100) == 0 && fstat(fd, &status) == 0 && status.st_size == 100);
    CHECK(posix_fallocate(fd, 0, 200) == 0 && fstat(fd, &status) == 0 && status.st_size == 200);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    CHECK(futimens(fd, times) == 0 && fstat(fd, &status) == 0);
    CHECK(status.st_mtim.tv_sec == 2000 && status.st_mtim.tv_nsec == 7);
    CHECK(close(fd) == 0);
    FAILS(close(fd), EBADF);
    FAILS(read(fd, buffer, 1), EBADF);

    CHECK((fd = open("data", O_RDONLY)) >= 3);
    FAILS(write(fd, "x", 1), EBADF);
    CHECK(close(fd) == 0);
    CHECK((fd = open("data", O_WRONLY | O_TRUNC | O_APPEND)) >= 3);
    FAILS(read(fd, buffer, 1), EBADF);
    CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND));
    CHECK(write(fd, "one ", 4) == 4 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(write(fd, "two ", 4) == 4);
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(write(fd, "ONE\n", 4) == 4);
    CHECK(close(fd) == 0);
    show("data");
    printf("\n");
}

// More than fits any buffer on the way.
static void volume(void) {
    static unsigned char block[100003];
    FILE *file = fopen("large", "w+");
    CHECK(file != NULL);
    unsigned sum = 0, again = 0;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof block; i++)
            sum += block[i] = (unsigned char)(i * 31 + round);
        CHECK(fwrite(block, 1, sizeof block, file) == sizeof block);
    }
    rewind(file);
    size_t count, total = 0;
    while ((count = fread(block, 1, 4099, file)) > 0) {
        total += count;
        for (size_t i = 0; i < count; i++)
            again += block[i];
    }
    CHECK(fclose(file) == 0);
    CHECK(sum == again);
    printf("%zu bytes, sum %u\n", total, sum);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && chdir(argv[1]) == 0);
    streams();
    descriptors();
    volume();
    puts("done");
    return 0;
}
