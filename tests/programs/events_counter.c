/* eventfd(2): the counter, its limits, waiting for it, and sharing it with a child. */
#include "common.h"
#include <poll.h>
#include <sys/uio.h>
#include <pthread.h>

#define SEMAPHORE 1

static uint64_t value;

static void put(const char *what, int fd, uint64_t n) { show(what, SYS3(write, fd, &n, 8)); }

static void get(const char *what, int fd) {
    value = 77;
    long result = SYS3(read, fd, &value, 8);
    if (result == 8)
        printf("%s: %llu\n", what, (unsigned long long)value);
    else
        show(what, result);
}

static void ask(const char *what, int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM, 0};
    int n = poll(&p, 1, 0);
    printf("%s: %d %#x\n", what, n, p.revents);
}

static void *later(void *arg) {
    usleep(30000);
    read((int)(intptr_t)arg, &value, 8);
    return NULL;
}

static void interrupted(int number, siginfo_t *info, void *context) {}

int main(void) {
    char path[64], buf[64];
    struct stat st;
    int fd = SYS2(eventfd2, 5, O_NONBLOCK);
    get("first", fd);
    get("empty", fd);
    ask("empty", fd);
    put("add 3", fd, 3);
    put("add 4", fd, 4);
    put("add 0", fd, 0);
    ask("7", fd);
    get("sum", fd);
    put("add -1", fd, ~0ull);
    put("fill", fd, 0xfffffffffffffffeull);
    ask("full", fd);
    put("one more", fd, 1);
    get("all", fd);
    put("nearly fill", fd, 0xfffffffffffffffdull);
    ask("nearly full", fd);
    put("two more", fd, 2);
    put("one more", fd, 1);
    get("all", fd);
    show("short write", SYS3(write, fd, &value, 7));
    show("short read", SYS3(read, fd, &value, 7));
    show("long write", SYS3(write, fd, buf, 16));
    put("add 9", fd, 9);
    show("long read", SYS3(read, fd, buf, 16));
    put("add 9", fd, 9);
    show("read to nowhere", SYS3(read, fd, 16, 8));
    show("write from nowhere", SYS3(write, fd, 16, 8));
    /* Whether a read to nowhere takes the value is not told. */
    SYS3(read, fd, buf, 8);
    ask("after", fd);
    show("pread", SYS5(pread64, fd, buf, 8, 0, 0));
    show("pwrite", SYS5(pwrite64, fd, buf, 8, 0, 0));
    worked("lseek", SYS3(lseek, fd, 0, SEEK_SET));
    show("ftruncate", SYS2(ftruncate, fd, 0));
    show("mmap", SYS6(mmap2, 0, 4096, PROT_READ, MAP_SHARED, fd, 0) & -4096 ? -ENODEV : 0);
    show("fsync", SYS1(fsync, fd));
    show("FIONREAD", SYS3(ioctl, fd, FIONREAD, buf));
    printf("flags: %#lx, descriptor's %ld\n", SYS3(fcntl64, fd, F_GETFL, 0), SYS3(fcntl64, fd, F_GETFD, 0));
    if (fstat(fd, &st) == 0)
        printf("stat: mode %#o links %d size %lld\n", st.st_mode, (int)st.st_nlink, (long long)st.st_size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(buf, 0, sizeof buf);
    show("readlink", readlink(path, buf, sizeof buf));
    printf("name: %s\n", buf);
    struct iovec v[2] = {{buf, 4}, {buf + 4, 4}};
    get("drain", fd);
    put("add 0x100000002", fd, 0x100000002ull);
    memset(buf, 0, sizeof buf);
    struct iovec one = {buf, 8};
    show("readv", SYS3(readv, fd, &one, 1));
    printf("readv gave %d %d\n", buf[0], buf[4]);
    close(fd);

    fd = SYS2(eventfd2, 3, SEMAPHORE | O_NONBLOCK | O_CLOEXEC);
    printf("flags: %#lx, descriptor's %ld\n", SYS3(fcntl64, fd, F_GETFL, 0), SYS3(fcntl64, fd, F_GETFD, 0));
    for (int i = 0; i < 4; i++)
        get("semaphore", fd);
    close(fd);
    show("bad flags", SYS2(eventfd2, 0, 2));

    fd = SYS1(eventfd, 0);
    int copy = dup(fd);
    printf("flags: %#lx\n", SYS3(fcntl64, fd, F_GETFL, 0));
    int pid = fork();
    if (pid == 0) {
        usleep(20000);
        value = 11;
        _exit(SYS3(write, fd, &value, 8) != 8);
    }
    get("the parent hears", copy);
    waitpid(pid, NULL, 0);
    put("fill", fd, 0xfffffffffffffffeull);
    pthread_t thread;
    pthread_create(&thread, NULL, later, (void *)(intptr_t)copy);
    put("waits for room", fd, 5);
    pthread_join(thread, NULL);
    printf("the other thread read %llu\n", (unsigned long long)value);
    get("rest", fd);
    /* Non-blocking is the open file's: what a child sets counts here. */
    pid = fork();
    if (pid == 0)
        _exit(fcntl(fd, F_SETFL, O_NONBLOCK) != 0);
    waitpid(pid, NULL, 0);
    get("non-blocking by the child", fd);
    fcntl(fd, F_SETFL, 0);
    on(SIGALRM, interrupted, 0);
    alarm(1);
    get("interrupted", fd);
    pid = fork();
    if (pid == 0) {
        on(SIGALRM, interrupted, SA_RESTART);
        alarm(1);
        get("restarted", fd);
        _exit(0);
    }
    sleep(2);
    value = 1;
    SYS3(write, fd, &value, 8);
    waitpid(pid, NULL, 0);
    return 0;
}
