/* epoll(7): the rules of registrations, triggers, nesting, waiting. */
#include "common.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PWAIT2 441

static int add(int set, int fd, uint32_t events, uint64_t data) {
    struct epoll_event e = {events, {.u64 = data}};
    return SYS4(epoll_ctl, set, EPOLL_CTL_ADD, fd, &e);
}

static int modify(int set, int fd, uint32_t events, uint64_t data) {
    struct epoll_event e = {events, {.u64 = data}};
    return SYS4(epoll_ctl, set, EPOLL_CTL_MOD, fd, &e);
}

static int remove_(int set, int fd) { return SYS4(epoll_ctl, set, EPOLL_CTL_DEL, fd, 0); }

static int compare(const void *a, const void *b) {
    uint64_t x = ((const struct epoll_event *)a)->data.u64, y = ((const struct epoll_event *)b)->data.u64;
    return (x > y) - (x < y);
}

/* What is ready within some milliseconds, by data. */
static void wait_(const char *what, int set, int timeout) {
    struct epoll_event e[16];
    int n = SYS4(epoll_wait, set, e, 16, timeout);
    printf("%s:", what);
    if (n < 0)
        printf(" -%s", errno_name(n));
    else
        qsort(e, n, sizeof *e, compare);
    for (int i = 0; i < n; i++)
        printf(" %llx=%#x", (unsigned long long)e[i].data.u64, e[i].events);
    printf(n == 0 ? " nothing\n" : "\n");
}

static void interrupted(int number, siginfo_t *info, void *context) { printf("a signal\n"); }

static int shared;
static void *waiter(void *arg) {
    wait_("the other thread", shared, 5000);
    return NULL;
}

int main(void) {
    int p[2], q[2], s[2], set, other;
    char c = 0;
    struct epoll_event e[4];

    show("size 0", SYS1(epoll_create, 0));
    show("bad flags", SYS1(epoll_create1, 1));
    set = SYS1(epoll_create1, EPOLL_CLOEXEC);
    printf("flags: %#lx, descriptor's %ld\n", SYS3(fcntl64, set, F_GETFL, 0), SYS3(fcntl64, set, F_GETFD, 0));
    close(set);
    set = SYS1(epoll_create, 1);
    printf("descriptor's %ld\n", SYS3(fcntl64, set, F_GETFD, 0));
    pipe(p);
    pipe(q);
    int file = open("/proc/self/exe", O_RDONLY), folder = open("/", O_RDONLY | O_DIRECTORY);
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY), path = open("/", O_PATH);

    show("a file", add(set, file, EPOLLIN, 0));
    show("a folder", add(set, folder, EPOLLIN, 0));
    show("/dev/null", add(set, null, EPOLLIN, 0));
    show("/dev/zero", add(set, zero, EPOLLIN, 0));
    show("a path", add(set, path, EPOLLIN, 0));
    show("itself", add(set, set, EPOLLIN, 0));
    show("nothing", add(set, 99, EPOLLIN, 0));
    show("to nothing", add(99, p[0], EPOLLIN, 0));
    show("to a pipe", add(p[0], p[1], EPOLLIN, 0));
    show("no event", SYS4(epoll_ctl, set, EPOLL_CTL_ADD, p[0], 0));
    show("no event, closed", SYS4(epoll_ctl, 99, EPOLL_CTL_ADD, 98, 0));
    show("modify what is not in", modify(set, p[0], EPOLLIN, 0));
    show("delete what is not in", remove_(set, p[0]));
    show("no operation", SYS4(epoll_ctl, set, 9, p[0], e));
    show("add", add(set, p[0], EPOLLIN, 0x1122334455667788));
    show("again", add(set, p[0], EPOLLIN, 2));
    show("a file, delete", remove_(set, file));
    show("max 0", SYS4(epoll_wait, set, e, 0, 0));
    show("max -1", SYS4(epoll_wait, set, e, -1, 0));
    show("max too great", SYS4(epoll_wait, set, e, 0x7fffffff, 0));
    show("wait for a pipe", SYS4(epoll_wait, p[0], e, 1, 0));
    show("wait for nothing", SYS4(epoll_wait, 99, e, 1, 0));
    show("to the kernel", SYS4(epoll_wait, set, 0xffff0000, 1, 0));
    show("read", SYS3(read, set, e, 12));
    show("write", SYS3(write, set, e, 12));
    show("pread", SYS5(pread64, set, e, 12, 0, 0));
    wait_("empty", set, 0);
    write(p[1], "xy", 2);
    wait_("level", set, 0);
    wait_("level again", set, -1);
    show("to nowhere", SYS4(epoll_wait, set, 4096, 1, 0));
    read(p[0], &c, 1);
    wait_("one left", set, 0);
    show("modify", modify(set, p[0], EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLPRI | EPOLLRDBAND | EPOLLMSG, 7));
    wait_("more bits", set, 0);
    show("nothing wanted", modify(set, p[0], 0, 7));
    wait_("nothing wanted", set, 0);
    show("edge", modify(set, p[0], EPOLLIN | EPOLLET, 8));
    wait_("edge", set, 0);
    wait_("told already", set, 0);
    write(p[1], "z", 1);
    wait_("another byte", set, 0);
    wait_("told already", set, 0);
    show("one-shot", modify(set, p[0], EPOLLIN | EPOLLONESHOT, 9));
    wait_("one-shot", set, 0);
    write(p[1], "z", 1);
    wait_("disabled", set, 0);
    show("again", modify(set, p[0], EPOLLIN | EPOLLONESHOT, 10));
    wait_("one-shot", set, 0);
    show("delete", remove_(set, p[0]));
    wait_("deleted", set, 0);
    show("delete again", remove_(set, p[0]));

    show("exclusive", add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE, 11));
    wait_("exclusive", set, 0);
    show("modify exclusive", modify(set, p[0], EPOLLIN, 11));
    remove_(set, p[0]);
    show("exclusive one-shot", add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 11));
    show("exclusive and priority", add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLPRI, 11));
    show("exclusive edge", add(set, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET | EPOLLWAKEUP, 11));
    wait_("exclusive edge", set, 0);
    remove_(set, p[0]);
    show("to exclusive", (add(set, p[0], EPOLLIN, 1), modify(set, p[0], EPOLLIN | EPOLLEXCLUSIVE, 11)));
    remove_(set, p[0]);

    /* Descriptors and open files. */
    int twin = dup(p[0]);
    show("first", add(set, p[0], EPOLLIN, 20));
    show("its copy", add(set, twin, EPOLLIN, 21));
    wait_("both", set, 0);
    close(twin);
    wait_("the copy closed", set, 0);
    twin = dup(p[0]);
    close(p[0]);
    wait_("open still", set, 0);
    close(twin);
    wait_("closed", set, 0);
    dup2(q[0], p[0]);
    show("the number again", add(set, p[0], EPOLLIN, 22));
    write(q[1], "q", 1);
    wait_("the other pipe", set, 0);
    remove_(set, p[0]);
    close(p[0]);
    close(p[1]);

    /* Ends. */
    pipe(p);
    add(set, p[0], EPOLLIN, 30);
    add(set, p[1], EPOLLOUT, 31);
    wait_("writable", set, 0);
    close(p[1]);
    wait_("hung up", set, 0);
    close(p[0]);
    pipe(p);
    add(set, p[1], EPOLLOUT, 32);
    close(p[0]);
    wait_("nobody reads", set, 0);
    close(p[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    add(set, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 33);
    wait_("a pair", set, 0);
    write(s[1], "x", 1);
    wait_("with a byte", set, 0);
    shutdown(s[1], SHUT_WR);
    wait_("half closed", set, 0);
    close(s[1]);
    wait_("closed", set, 0);
    close(s[0]);

    /* A few at a time, each in turn. */
    int many[8][2], seen = 0;
    for (int i = 0; i < 8; i++) {
        pipe(many[i]);
        write(many[i][1], "x", 1);
        add(set, many[i][0], EPOLLIN, i);
    }
    for (int i = 0; i < 4; i++) {
        int n = SYS4(epoll_wait, set, e, 2, 0);
        for (int k = 0; k < n; k++)
            seen |= 1 << e[k].data.u64;
    }
    printf("in turn: %#x\n", seen);
    for (int i = 0; i < 8; i++) {
        close(many[i][0]);
        close(many[i][1]);
    }
    wait_("all closed", set, 0);

    /* Sets in sets. */
    other = epoll_create1(0);
    show("nested", add(other, set, EPOLLIN, 40));
    show("loop", add(set, other, EPOLLIN, 41));
    show("exclusive set", add(other, epoll_create1(0), EPOLLIN | EPOLLEXCLUSIVE, 42));
    add(set, q[0], EPOLLIN, 43);
    wait_("inner", set, 0);
    wait_("outer", other, 0);
    struct pollfd pf = {other, POLLIN | POLLOUT | POLLRDNORM, 0};
    printf("poll of a set: %d ", poll(&pf, 1, 0));
    printf("%#x\n", pf.revents);
    read(q[0], &c, 1);
    wait_("outer, drained", other, 0);
    printf("poll of a set: %d ", poll(&pf, 1, 0));
    printf("%#x\n", pf.revents);
    write(q[1], "x", 1);
    modify(other, set, EPOLLIN | EPOLLET, 44);
    wait_("outer, edge", other, 0);
    wait_("outer, told", other, 0);
    int chain[8];
    for (int i = 0; i < 8; i++)
        chain[i] = epoll_create1(0);
    for (int i = 0; i < 7; i++) {
        char name[32];
        sprintf(name, "chain %d", i);
        show(name, add(chain[i], chain[i + 1], EPOLLIN, 0));
    }
    close(other);

    /* Waiting. */
    shared = set;
    read(q[0], &c, 1);
    pthread_t thread;
    pthread_create(&thread, NULL, waiter, NULL);
    usleep(50000);
    write(q[1], "x", 1);
    pthread_join(thread, NULL);
    read(q[0], &c, 1);
    remove_(set, q[0]);
    pthread_create(&thread, NULL, waiter, NULL);
    usleep(50000);
    write(q[1], "x", 1);
    add(set, q[0], EPOLLIN | EPOLLONESHOT, 50);
    pthread_join(thread, NULL);
    on(SIGALRM, interrupted, SA_RESTART);
    alarm(1);
    wait_("interrupted", set, -1);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    on(SIGUSR1, interrupted, 0);
    raise(SIGUSR1);
    uint64_t none = 0;
    show("pwait, bad size", SYS6(epoll_pwait, set, e, 1, 0, &none, 4));
    show("pwait, nowhere", SYS6(epoll_pwait, set, e, 1, 0, 16, 8));
    show("pwait", SYS6(epoll_pwait, set, e, 1, -1, &none, 8));
    raise(SIGUSR1);
    int32_t ts[4] = {0, 0, 20000000, 0}, bad[4] = {0, 0, 1000000000, 0};
    show("pwait2", sys(PWAIT2, set, (long)e, 1, (long)ts, 0, 0));
    show("pwait2, bad time", sys(PWAIT2, set, (long)e, 1, (long)bad, 0, 0));
    show("pwait2, mask", sys(PWAIT2, set, (long)e, 1, 0, (long)&none, 8));
    sigprocmask(SIG_UNBLOCK, &mask, NULL);

    /* A child has the set as well. */
    modify(set, q[0], EPOLLIN, 60);
    int pid = fork();
    if (pid == 0) {
        wait_("the child", set, 1000);
        read(q[0], &c, 1);
        wait_("the child, drained", set, 0);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    wait_("the parent, drained", set, 0);
    char name[64] = {0}, link[64] = {0};
    sprintf(name, "/proc/self/fd/%d", set);
    readlink(name, link, 63);
    printf("name: %s\n", link);
    struct stat st;
    if (fstat(set, &st) == 0)
        printf("stat: mode %#o links %d size %lld\n", st.st_mode, (int)st.st_nlink, (long long)st.st_size);
    return 0;
}
