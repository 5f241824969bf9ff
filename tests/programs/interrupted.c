/* What signals interrupt: calls that wait, and no others. A timer fires all the time, its handler without SA_RESTART. */
#include "common.h"
#include <poll.h>
#include <sys/file.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t fired;
static void tick(int number) { (void)number; fired++; }

/* Repeats a step until some dozens of signals have come, and says whether one ever interrupted it. */
#define REPEAT(what, step)                                                                   \
    do {                                                                                     \
        int interrupted = 0, wrong = 0;                                                      \
        for (int until = fired + 40; fired < until;) {                                       \
            errno = 0;                                                                       \
            if (!(step)) { if (errno == EINTR) interrupted = 1; else wrong = errno ? errno : -1; } \
        }                                                                                    \
        printf("%s: %s%s\n", what, interrupted ? "interrupted" : "never interrupted", wrong ? ", and wrong" : ""); \
    } while (0)

static int once_more(int fd) {
    int again = open("interrupted.d/file", O_RDONLY);
    return again >= 0 && close(again) == 0 && fcntl(fd, F_GETFL) >= 0;
}

int main(void) {
    struct sigaction action = {.sa_handler = tick};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    mkdir("interrupted.d", 0755);
    int file = open("interrupted.d/file", O_CREAT | O_TRUNC | O_RDWR, 0644), pipes[2];
    char byte = 'x', some[100] = "";
    pipe(pipes);
    setitimer(ITIMER_REAL, &often, NULL);

    REPEAT("write to a pipe with room, and read what is there", write(pipes[1], some, 100) == 100 && read(pipes[0], some, 100) == 100);
    REPEAT("pwrite and pread of a file", pwrite(file, some, 100, 50) == 100 && pread(file, some, 100, 50) == 100);
    REPEAT("append to a file", lseek(file, 0, SEEK_END) >= 0 && write(file, &byte, 1) == 1 && ftruncate(file, 0) == 0);
    REPEAT("open and close", once_more(file));
    REPEAT("stat and rename", rename("interrupted.d/file", "interrupted.d/other") == 0 && rename("interrupted.d/other", "interrupted.d/file") == 0);
    REPEAT("locks that nobody holds", flock(file, LOCK_EX) == 0 && flock(file, LOCK_UN) == 0);
    struct pollfd ready = {pipes[1], POLLOUT, 0};
    REPEAT("poll of what is ready", poll(&ready, 1, -1) == 1);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    REPEAT("read of an empty pipe that does not wait", read(pipes[0], &byte, 1) == -1 && errno == EAGAIN && (errno = 0, 1));
    fcntl(pipes[0], F_SETFL, 0);

    REPEAT("read of an empty pipe", read(pipes[0], &byte, 1) == 1);
    struct pollfd empty = {pipes[0], POLLIN, 0};
    REPEAT("poll of what is not ready", poll(&empty, 1, -1) == 1);
    struct timespec second = {1, 0};
    REPEAT("sleep", nanosleep(&second, NULL) == 0);
    setitimer(ITIMER_REAL, &never, NULL);
    unlink("interrupted.d/file");
    rmdir("interrupted.d");
    return 0;
}
