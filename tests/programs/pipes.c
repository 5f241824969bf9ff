/* Pipes: order, end of file, EPIPE and SIGPIPE, O_NONBLOCK, more than a buffer, dup and close-on-exec. */
#include "common.h"
static char big[300000];
int main(void) {
    int p[2], status;
    char text[64];
    show("pipe2", SYS2(pipe2, p, 0));
    show("write 5", write(p[1], "abcde", 5));
    show("read at most 3", read(p[0], text, 3));
    show("read the rest", read(p[0], text, 60));
    close(p[1]);
    show("read at the end", read(p[0], text, 60));
    close(p[0]);
    show("read a closed one", SYS3(read, p[0], text, 1));

    show("pipe2 O_NONBLOCK", SYS2(pipe2, p, O_NONBLOCK | O_CLOEXEC));
    show("empty", SYS3(read, p[0], text, 1));
    memset(big, 'x', sizeof big);
    show("fills", SYS3(write, p[1], big, sizeof big));
    show("full", SYS3(write, p[1], big, 1));
    show("FD_CLOEXEC", fcntl(p[0], F_GETFD));
    show("flags", fcntl(p[0], F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    show("write to the read end", SYS3(write, p[0], "x", 1));
    show("read from the write end", SYS3(read, p[1], text, 1));
    show("lseek", lseek(p[0], 0, SEEK_SET) < 0 ? -errno : 0);
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    show("no reader, ignored", SYS3(write, p[1], "x", 1));
    close(p[1]);

    if (fork() == 0) { signal(SIGPIPE, SIG_DFL); pipe(p); close(p[0]); write(p[1], "x", 1); _exit(1); }
    wait(&status);
    show_status("no reader", status);

    pipe(p);
    if (fork() == 0) {
        close(p[0]);
        for (size_t done = 0; done < sizeof big;) { ssize_t n = write(p[1], big + done, sizeof big - done); if (n < 0) _exit(1); done += n; }
        _exit(0);
    }
    close(p[1]);
    size_t total = 0; ssize_t n;
    while ((n = read(p[0], text, sizeof text)) > 0) total += n;
    wait(&status);
    printf("read %zu in all\n", total);
    show_status("writer", status);
    close(p[0]);

    show("pipe2 with wrong flags", SYS2(pipe2, p, 0x40));
    show("pipe2 to nowhere", SYS2(pipe2, 16, 0));
    pipe(p);
    show("dup2 to 40", SYS2(dup2, p[1], 40));
    show("dup2 to itself", SYS2(dup2, 40, 40));
    show("dup3 to itself", SYS3(dup3, 40, 40, 0));
    show("dup2 of a closed one", SYS2(dup2, 41, 42));
    show("dup2 to a wrong number", SYS2(dup2, 40, -1));
    show("dup3 with wrong flags", SYS3(dup3, 40, 41, 1));
    show("write through the copy", write(40, "copy", 4));
    show("read it", read(p[0], text, 60));
    show("FIONREAD", ({ int count = -1; write(40, "12", 2); ioctl(p[0], 0x541b, &count); count; }));
    return 0;
}
