// Clocks, sleeping, waiting for descriptors, random numbers.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) \
    ((condition) ? (void)0 : (printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)), exit(1)))

static double seconds(clockid_t clock) {
    struct timespec time;
    CHECK(clock_gettime(clock, &time) == 0);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(void) {
    CHECK(seconds(CLOCK_REALTIME) > 1.7e9);
    CHECK(labs((long)(time(NULL) - (time_t)seconds(CLOCK_REALTIME))) <= 1);
    struct timeval day;
    CHECK(gettimeofday(&day, NULL) == 0 && day.tv_sec > 1700000000);
    struct timespec resolution;
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
    CHECK(resolution.tv_sec == 0 && resolution.tv_nsec >= 1);
    puts("clocks");

    double begin = seconds(CLOCK_MONOTONIC);
    struct timespec pause = {0, 20000000};
    CHECK(nanosleep(&pause, NULL) == 0);
    double slept = seconds(CLOCK_MONOTONIC) - begin;
    CHECK(slept >= 0.02 && slept < 10);
    struct timespec until;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += 1;
    begin = seconds(CLOCK_MONOTONIC);
    until.tv_sec -= 1;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    CHECK(seconds(CLOCK_MONOTONIC) - begin < 1);
    CHECK(usleep(1000) == 0 && sched_yield() == 0);
    puts("sleep");

    // Standard input has a line and then its end; output can always be written.
    struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = POLLOUT}};
    CHECK(poll(fds, 2, 1000) == 2);
    CHECK(fds[0].revents & POLLIN && fds[1].revents & POLLOUT);
    char line[16];
    CHECK(read(0, line, sizeof line) == 5);
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(0, &readable);
    struct timeval timeout = {1, 0};
    CHECK(select(1, &readable, NULL, NULL, &timeout) == 1 && FD_ISSET(0, &readable));
    CHECK(read(0, line, sizeof line) == 0);
    CHECK(poll(NULL, 0, 10) == 0);
    puts("poll");

    unsigned char bytes[256] = {0}, more[256] = {0};
    CHECK(getentropy(bytes, sizeof bytes) == 0 && getentropy(more, sizeof more) == 0);
    CHECK(memcmp(bytes, more, sizeof bytes) != 0);
    puts("random");
    return 0;
}
