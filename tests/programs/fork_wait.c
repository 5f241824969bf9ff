/* fork and wait4: exit codes, signals, WNOHANG, wrong pids, a whole tree. */
#include "common.h"
static pid_t child(int code) { pid_t pid = fork(); if (pid == 0) _exit(code); return pid; }
static int tree(int depth) {
    if (depth == 0) return 1;
    int sum = 0, status;
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(tree(depth - 1));
        if (waitpid(pid, &status, 0) != pid) return 99;
        sum += WEXITSTATUS(status);
    }
    return sum;
}
int main(void) {
    int status, shared = 1;
    for (int code = 0; code <= 256; code += 64) {
        pid_t pid = child(code);
        printf("waited for it: %s\n", waitpid(pid, &status, 0) == pid ? "yes" : "no");
        show_status("child", status);
    }
    pid_t pid = fork();
    if (pid == 0) { shared = 2; _exit(shared == 2 ? 20 : 21); }
    wait(&status);
    show_status("memory is copied", status);
    printf("the parent's is untouched: %d\n", shared);
    pid_t parent = getpid();
    if ((pid = fork()) == 0) _exit(getppid() == parent && getpid() != parent);
    wait(&status);
    show_status("getppid is the parent", status);
    static const int deadly[] = {SIGTERM, SIGKILL, SIGSEGV, SIGUSR1, SIGABRT, SIGPIPE, SIGALRM};
    for (unsigned i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        if ((pid = fork()) == 0) { kill(getpid(), deadly[i]); _exit(1); }
        waitpid(pid, &status, 0);
        printf("core bit aside, status %d: ", status & 0x7f);
        show_status("killed itself", status);
    }
    if ((pid = fork()) == 0) for (;;) pause();
    show("WNOHANG while it runs", waitpid(pid, &status, WNOHANG));
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    show_status("killed by its parent", status);
    show("wait4 without children", SYS4(wait4, -1, &status, 0, 0));
    show("wait4 for a stranger", SYS4(wait4, 1, &status, 0, 0));
    show("wait4 with wrong options", SYS4(wait4, -1, &status, 0x1000000, 0));
    show("kill of nobody", SYS2(kill, 0x3fffffff, 0));
    show("kill with a wrong signal", SYS2(kill, getpid(), 65));
    show("kill 0 of oneself", SYS2(kill, getpid(), 0));
    printf("a tree of depth 5 has %d leaves\n", tree(5));
    /* A grandchild outlives its parent, is adopted, and still writes to our pipe. */
    int ends[2];
    if (pipe(ends)) return 1;
    if ((pid = fork()) == 0) {
        pid_t middle = getpid();
        if (fork() == 0) { while (getppid() == middle) usleep(1000); if (write(ends[1], "orphan\n", 7) != 7) _exit(1); _exit(0); }
        _exit(0);
    }
    waitpid(pid, &status, 0);
    close(ends[1]);
    char text[16] = {0};
    printf("read %zd from it: %s", read(ends[0], text, sizeof text), text);
    return 0;
}
