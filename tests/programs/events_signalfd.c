/* signalfd(2): which signals are given, with what, and who is woken. */
#include "common.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

static uint64_t bits(int a, int b, int c) {
    return (a ? 1ull << (a - 1) : 0) | (b ? 1ull << (b - 1) : 0) | (c ? 1ull << (c - 1) : 0);
}

static int pid_of_child;

static void get(const char *what, int fd, int room) {
    struct signalfd_siginfo info[4];
    memset(info, 0x55, sizeof info);
    long n = SYS3(read, fd, info, room);
    if (n < 0) {
        show(what, n);
        return;
    }
    printf("%s: %ld\n", what, n);
    for (int i = 0; i < n / 128; i++) {
        struct signalfd_siginfo *s = info + i;
        const char *who = s->ssi_pid == getpid() ? "me" : s->ssi_pid == pid_of_child ? "child" : s->ssi_pid == 0 ? "-" : "?";
        printf("  signal %u errno %d code %d pid %s uid %d fd %d tid %u band %u overrun %u trap %u status %d int %d ptr "
               "%#llx addr %#llx\n",
               s->ssi_signo, s->ssi_errno, s->ssi_code, who, s->ssi_uid == getuid(), s->ssi_fd, s->ssi_tid, s->ssi_band,
               s->ssi_overrun, s->ssi_trapno, s->ssi_status, s->ssi_int, (unsigned long long)s->ssi_ptr,
               (unsigned long long)s->ssi_addr);
        int zero = 1;
        for (int k = 82; k < 128; k++)
            zero &= ((unsigned char *)s)[k] == 0;
        printf("  rest zero: %d\n", zero);
    }
}

static int ask(int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDNORM, 0};
    int n = poll(&p, 1, 0);
    return n < 0 ? n : p.revents;
}

static int fd, set;

static void *reader(void *arg) {
    get("the other thread", fd, 128);
    return NULL;
}

static void *poller(void *arg) {
    struct pollfd p = {fd, POLLIN, 0};
    printf("polled: %d\n", poll(&p, 1, 5000));
    return NULL;
}

static void *epoller(void *arg) {
    struct epoll_event e;
    printf("epoll: %d\n", epoll_wait(set, &e, 1, 5000));
    return NULL;
}

static void *own(void *arg) {
    /* A signal for this thread is not the main thread's to read. */
    raise(SIGUSR2);
    printf("own ready: %#x\n", ask(fd));
    get("own", fd, 128);
    raise(SIGUSR2);
    usleep(100000);
    get("own, late", fd, 128);
    return NULL;
}

static void with(void *(*run)(void *), int number) {
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    usleep(50000);
    kill(getpid(), number);
    pthread_join(thread, NULL);
}

static void handler(int number, siginfo_t *info, void *context) { printf("handler\n"); }

int main(void) {
    uint64_t mask = bits(SIGUSR1, SIGUSR2, SIGKILL), all = ~0ull, rt = bits(40, SIGCHLD, SIGALRM);
    char path[64], link[64] = {0};
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    sigaddset(&block, SIGCHLD);
    sigaddset(&block, 40);
    sigprocmask(SIG_BLOCK, &block, NULL);

    show("bad size", SYS4(signalfd4, -1, &mask, 4, 0));
    show("bad flags", SYS4(signalfd4, -1, &mask, 8, 1));
    show("nowhere", SYS4(signalfd4, -1, 16, 8, 0));
    show("no descriptor", SYS4(signalfd4, 99, &mask, 8, 0));
    show("no signalfd", SYS4(signalfd4, 0, &mask, 8, 0));
    fd = SYS4(signalfd4, -1, &mask, 8, O_NONBLOCK | O_CLOEXEC);
    printf("flags: %#lx, descriptor's %ld\n", SYS3(fcntl64, fd, F_GETFL, 0), SYS3(fcntl64, fd, F_GETFD, 0));
    printf("ready: %#x\n", ask(fd));
    get("none", fd, 128);
    get("no room", fd, 127);
    show("write", SYS3(write, fd, link, 128));
    show("pread", SYS5(pread64, fd, link, 128, 0, 0));
    kill(getpid(), SIGUSR1);
    printf("ready: %#x\n", ask(fd));
    get("kill", fd, 128);
    raise(SIGUSR2);
    get("raise", fd, 200);
    union sigval value = {.sival_int = -5};
    sigqueue(getpid(), SIGUSR2, value);
    kill(getpid(), SIGUSR1);
    get("two", fd, 512);
    printf("ready: %#x\n", ask(fd));
    kill(getpid(), 40);
    get("not asked for", fd, 128);
    show("change", SYS4(signalfd4, fd, &rt, 8, 0));
    printf("flags still: %#lx\n", SYS3(fcntl64, fd, F_GETFL, 0));
    for (int i = 1; i < 4; i++)
        sigqueue(getpid(), 40, (union sigval){.sival_int = i});
    get("four of 40, three at most", fd, 128 * 3);
    get("the last", fd, 512);
    pid_of_child = fork();
    if (pid_of_child == 0)
        _exit(9);
    siginfo_t si;
    waitid(P_PID, pid_of_child, &si, WEXITED | WNOWAIT);
    get("a child", fd, 128);
    waitpid(pid_of_child, NULL, 0);
    /* What is pending goes to whoever is first. */
    kill(getpid(), 40);
    int32_t at_once[2] = {0, 0};
    int got = SYS4(rt_sigtimedwait, &rt, 0, at_once, 8);
    printf("waited: %d\n", got);
    get("gone", fd, 128);
    /* A signal that is not blocked goes to its handler. */
    on(SIGALRM, handler, 0);
    raise(SIGALRM);
    get("handled", fd, 128);

    fcntl(fd, F_SETFL, 0);
    SYS4(signalfd4, fd, &mask, 8, 0);
    with(reader, SIGUSR1);
    with(poller, SIGUSR1);
    get("after poll", fd, 128);
    set = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.u32 = 1}};
    show("epoll", epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
    with(epoller, SIGUSR2);
    printf("level: %d\n", epoll_wait(set, &e, 1, 0));
    get("after epoll", fd, 128);
    printf("level: %d\n", epoll_wait(set, &e, 1, 0));
    e.events = EPOLLIN | EPOLLET;
    epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
    with(epoller, SIGUSR2);
    printf("edge, told: %d\n", epoll_wait(set, &e, 1, 0));
    kill(getpid(), SIGUSR1);
    printf("edge, another: %d\n", epoll_wait(set, &e, 1, 0));
    get("two", fd, 512);
    e.events = EPOLLIN | EPOLLONESHOT;
    epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
    kill(getpid(), SIGUSR1);
    printf("one-shot: %d\n", epoll_wait(set, &e, 1, 0));
    printf("one-shot, told: %d\n", epoll_wait(set, &e, 1, 0));
    int outer = epoll_create1(0);
    e.events = EPOLLIN;
    epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
    epoll_ctl(outer, EPOLL_CTL_ADD, set, &e);
    printf("nested: %d\n", epoll_wait(outer, &e, 1, 0));
    get("one", fd, 128);
    printf("nested: %d\n", epoll_wait(outer, &e, 1, 0));
    set = outer;
    with(epoller, SIGUSR2);
    get("one", fd, 128);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    pthread_t thread;
    pthread_create(&thread, NULL, own, NULL);
    usleep(50000);
    printf("not mine: %#x\n", ask(fd));
    pthread_join(thread, NULL);

    /* From another process. */
    fcntl(fd, F_SETFL, 0);
    int me = getpid();
    pid_of_child = fork();
    if (pid_of_child == 0) {
        usleep(50000);
        kill(me, SIGUSR1);
        _exit(0);
    }
    get("from the child", fd, 128);
    waitpid(pid_of_child, NULL, 0);
    /* The child's descriptor gives the child's signals. */
    kill(getpid(), SIGUSR1);
    pid_of_child = fork();
    if (pid_of_child == 0) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        get("not the child's", fd, 128);
        raise(SIGUSR2);
        get("the child's", fd, 512);
        _exit(0);
    }
    waitpid(pid_of_child, NULL, 0);
    get("the parent's", fd, 128);
    fcntl(fd, F_SETFL, 0);
    alarm(1);
    get("interrupted", fd, 128);
    sprintf(path, "/proc/self/fd/%d", fd);
    readlink(path, link, 63);
    printf("name: %s\n", link);
    return 0;
}
