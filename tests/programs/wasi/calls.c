// WASI's functions without a C library between, with addresses and numbers that make no sense too.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#define SUCCEEDS(call) expect(__LINE__, #call, (call), __WASI_ERRNO_SUCCESS)
#define FAILS(call, number) expect(__LINE__, #call, (call), __WASI_ERRNO_##number)

static void expect(int line, const char *call, int found, int expected) {
    if (found != expected) {
        printf("line %d: %s: expected %d, found %d\n", line, call, expected, found);
        exit(1);
    }
}

// Not in the C library's header.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise")))
int32_t proc_raise(int32_t signal);

static void *const NOWHERE = (void *)0xfffffff0;

static void descriptors(void) {
    __wasi_fdstat_t stat;
    SUCCEEDS(__wasi_fd_fdstat_get(3, &stat));
    if (stat.fs_filetype != __WASI_FILETYPE_DIRECTORY || stat.fs_flags != 0)
        puts("not a directory");
    __wasi_fd_t fd, other;
    __wasi_rights_t rights = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK;
    SUCCEEDS(__wasi_path_open(3, 0, "file", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd));
    SUCCEEDS(__wasi_fd_fdstat_get(fd, &stat));
    if (stat.fs_rights_base != rights || stat.fs_rights_inheriting != 0)
        puts("not the rights that were asked for");
    FAILS(__wasi_fd_sync(fd), NOTCAPABLE);
    SUCCEEDS(__wasi_fd_fdstat_set_rights(fd, rights & ~__WASI_RIGHTS_FD_WRITE, 0));
    FAILS(__wasi_fd_fdstat_set_rights(fd, rights, 0), NOTCAPABLE);
    __wasi_ciovec_t out = {(const uint8_t *)"text", 4};
    __wasi_size_t size;
    FAILS(__wasi_fd_write(fd, &out, 1, &size), NOTCAPABLE);
    SUCCEEDS(__wasi_path_open(3, 0, "file", 0, rights, 0, 0, &other));
    SUCCEEDS(__wasi_fd_renumber(other, fd));
    SUCCEEDS(__wasi_fd_write(fd, &out, 1, &size));
    FAILS(__wasi_fd_write(other, &out, 1, &size), BADF);
    FAILS(__wasi_fd_renumber(fd, 1000), BADF);

    uint8_t bytes[8] = {0};
    __wasi_iovec_t in[2] = {{bytes, 2}, {bytes + 4, 4}};
    SUCCEEDS(__wasi_fd_pread(fd, in, 2, 1, &size));
    if (size != 3 || memcmp(bytes, "ex\0\0t", 5))
        puts("not what was written");
    FAILS(__wasi_fd_pread(fd, in, 2, -1, &size), INVAL);
    FAILS(__wasi_fd_pread(fd, in, 0x20000000, 0, &size), FAULT);
    FAILS(__wasi_fd_pread(fd, NOWHERE, 2, 0, &size), FAULT);
    FAILS(__wasi_fd_pread(fd, in, 2, 0, NOWHERE), FAULT);
    in[1].buf = NOWHERE;
    in[1].buf_len = 17;
    FAILS(__wasi_fd_read(fd, in, 2, &size), FAULT);
    __wasi_filesize_t position;
    FAILS(__wasi_fd_seek(fd, 0, 3, &position), INVAL);
    SUCCEEDS(__wasi_fd_seek(fd, 0, __WASI_WHENCE_CUR, &position));
    if (position != 4)
        puts("the failed reads moved the position");
    SUCCEEDS(__wasi_fd_close(fd));
    FAILS(__wasi_fd_close(fd), BADF);
    FAILS(__wasi_fd_close(-1), BADF);
    puts("descriptors");
}

static void others(void) {
    __wasi_prestat_t prestat;
    char name[16];
    SUCCEEDS(__wasi_fd_prestat_get(3, &prestat));
    SUCCEEDS(__wasi_fd_prestat_dir_name(3, (uint8_t *)name, prestat.u.dir.pr_name_len));
    printf("preopened %.*s\n", (int)prestat.u.dir.pr_name_len, name);
    FAILS(__wasi_fd_prestat_get(4, &prestat), BADF);
    FAILS(__wasi_random_get(NOWHERE, 100), FAULT);
    FAILS(__wasi_args_get(NOWHERE, NOWHERE), FAULT);
    __wasi_timestamp_t time;
    FAILS(__wasi_clock_time_get(17, 0, &time), INVAL);
    SUCCEEDS(__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 0, &time));
    SUCCEEDS(__wasi_clock_time_get(__WASI_CLOCKID_THREAD_CPUTIME_ID, 0, &time));
    SUCCEEDS(__wasi_sched_yield());
    __wasi_size_t size;
    __wasi_roflags_t flags;
    FAILS(__wasi_sock_recv(0, NULL, 0, 0, &size, &flags), NOTSOCK);
    FAILS(__wasi_sock_shutdown(3, __WASI_SDFLAGS_RD), NOTSOCK);

    __wasi_subscription_t wait[2] = {
        {.userdata = 7, .u = {.tag = __WASI_EVENTTYPE_CLOCK}},
        {.userdata = 8, .u = {.tag = __WASI_EVENTTYPE_FD_READ}},
    };
    wait[0].u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    wait[0].u.u.clock.timeout = 60000000000;
    wait[1].u.u.fd_read.file_descriptor = 99;
    __wasi_event_t events[2];
    SUCCEEDS(__wasi_poll_oneoff(wait, events, 2, &size));
    printf("%zu event, userdata %d, error %d\n", size, (int)events[0].userdata, events[0].error);
    FAILS(__wasi_poll_oneoff(wait, events, 0, &size), INVAL);
    FAILS(__wasi_poll_oneoff(NOWHERE, events, 1, &size), FAULT);
    FAILS(__wasi_poll_oneoff(wait, events, 0x10000000, &size), INVAL);
    FAILS(proc_raise(99), INVAL);
    FAILS(proc_raise(0), SUCCESS);
    puts("others");
    fflush(stdout);
    proc_raise(15);
    puts("survived");
}

int main(void) {
    descriptors();
    others();
    return 0;
}
