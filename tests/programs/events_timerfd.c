/* timerfd(2): setting, reading, waiting, both forms of time. */
#include "common.h"
#include <poll.h>
#include <time.h>

struct t32 { int32_t is, in, vs, vn; };
struct t64 { int64_t is; int32_t in, pad1; int64_t vs; int32_t vn, pad2; };
#define SETTIME64 411
#define GETTIME64 410

static long set(int fd, int flags, long ms, long every) {
    struct t32 t = {every / 1000, every % 1000 * 1000000, ms / 1000, ms % 1000 * 1000000};
    return SYS4(timerfd_settime, fd, flags, &t, 0);
}

static void get(const char *what, int fd) {
    uint64_t value = 77;
    long result = SYS3(read, fd, &value, 8);
    if (result == 8)
        printf("%s: %llu\n", what, (unsigned long long)value);
    else
        show(what, result);
}

static long long now(int clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void interrupted(int number, siginfo_t *info, void *context) {}

int main(void) {
    static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
    char path[64], buf[64];
    show("CPU clock", SYS2(timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0));
    show("no clock", SYS2(timerfd_create, 99, 0));
    show("bad flags", SYS2(timerfd_create, CLOCK_MONOTONIC, 1));
    for (int i = 0; i < 3; i++) {
        int fd = SYS2(timerfd_create, clocks[i], 0);
        long long start = now(CLOCK_MONOTONIC);
        show("set", set(fd, 0, 30, 0));
        get("one", fd);
        long long took = now(CLOCK_MONOTONIC) - start;
        printf("in time: %d\n", took >= 30000000 && took < 1000000000);
        long long at = now(clocks[i]) + 40000000;
        struct t64 t = {0, 0, 0, at / 1000000000, at % 1000000000, 0};
        show("set absolute", sys(SETTIME64, fd, 1, (long)&t, 0, 0, 0));
        get("absolute", fd);
        printf("not early: %d\n", now(clocks[i]) >= at);
        t.vs = 1, t.vn = 0;
        show("set in the past", sys(SETTIME64, fd, 1, (long)&t, 0, 0, 0));
        get("past", fd);
        close(fd);
    }
    int fd = SYS2(timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC);
    printf("flags: %#lx, descriptor's %ld\n", SYS3(fcntl64, fd, F_GETFL, 0), SYS3(fcntl64, fd, F_GETFD, 0));
    get("not set", fd);
    struct t32 t, old;
    struct t64 w;
    show("get", SYS2(timerfd_gettime, fd, &t));
    printf("%d.%d every %d.%d\n", t.vs, t.vn, t.is, t.in);
    show("set 100 s", set(fd, 0, 100000, 7500));
    show("get", SYS2(timerfd_gettime, fd, &t));
    printf("left %d, every %d.%09d\n", t.vs == 99 || t.vs == 100, t.is, t.in);
    show("get, wide", sys(GETTIME64, fd, (long)&w, 0, 0, 0, 0));
    printf("left %d, every %lld.%09d\n", w.vs == 99 || w.vs == 100, (long long)w.is, w.in);
    t = (struct t32){0, 0, 0, 0};
    show("stop", SYS4(timerfd_settime, fd, 0, &t, &old));
    printf("was %d, every %d.%09d\n", old.vs == 99 || old.vs == 100, old.is, old.in);
    get("stopped", fd);
    t = (struct t32){0, 0, 0, 1000000000};
    show("bad nanoseconds", SYS4(timerfd_settime, fd, 0, &t, 0));
    t = (struct t32){-1, 0, 0, 5};
    show("negative", SYS4(timerfd_settime, fd, 0, &t, 0));
    show("bad flags", set(fd, 4, 1, 0));
    show("from nowhere", SYS4(timerfd_settime, fd, 0, 16, 0));
    show("to nowhere", SYS2(timerfd_gettime, fd, 16));
    show("cancel, relative", set(fd, 2, 100000, 0));
    show("cancel, absolute", set(fd, 3, 100000, 0));
    show("no timer", set(1, 0, 1, 0));
    show("closed", set(99, 0, 1, 0));
    show("no timer, get", SYS2(timerfd_gettime, 0, &t));
    show("write", SYS3(write, fd, &t, 8));
    show("short read", SYS3(read, fd, &t, 7));
    show("pread", SYS5(pread64, fd, buf, 8, 0, 0));
    set(fd, 0, 10, 10);
    usleep(100000);
    uint64_t count = 0;
    show("long read", SYS3(read, fd, (memset(buf, 0, 64), buf), 64));
    memcpy(&count, buf, 8);
    printf("several: %d\n", count >= 5 && count < 100);
    set(fd, 0, 10, 0);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    printf("poll: %d ", poll(&p, 1, 5000));
    printf("%#x\n", p.revents);
    get("polled", fd);
    printf("poll: %d ", poll(&p, 1, 0));
    printf("%#x\n", p.revents);
    get("once", fd);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(buf, 0, sizeof buf);
    show("readlink", readlink(path, buf, sizeof buf));
    printf("name: %s\n", buf);
    close(fd);

    fd = SYS2(timerfd_create, CLOCK_MONOTONIC, 0);
    set(fd, 0, 40, 0);
    int pid = fork();
    if (pid == 0) {
        get("the child", fd);
        set(fd, 0, 30, 0);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    get("the parent", fd);
    on(SIGALRM, interrupted, 0);
    alarm(1);
    get("interrupted", fd);
    return 0;
}
