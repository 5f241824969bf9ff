/* execve and vfork: arguments, environment, descriptors, signals, and every refusal. */
#include "common.h"
extern char **environ;
static void me(int number) { (void)number; }
static int spawn(char *path, char **argv, char **envp) {
    int status = 0;
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0) { execve(path, argv, envp); error = errno; _exit(127); }
    waitpid(pid, &status, 0);
    if (error) printf("execve: -%s; ", errno_name(-error));
    return status;
}
int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        for (int i = 0; i < argc; i++) printf("  child's argument %d: %s\n", i, i ? argv[i] : "-");
        for (char **e = environ; *e; e++) printf("  child's environment: %s\n", *e);
        for (int fd = 20; fd < 23; fd++) printf("  descriptor %d: %s\n", fd, fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
        struct sigaction a;
        sigaction(SIGUSR1, NULL, &a); printf("  SIGUSR1 %s\n", a.sa_handler == SIG_DFL ? "default" : "kept");
        sigaction(SIGUSR2, NULL, &a); printf("  SIGUSR2 %s\n", a.sa_handler == SIG_IGN ? "ignored" : "not ignored");
        sigset_t mask; sigprocmask(SIG_BLOCK, NULL, &mask); printf("  SIGHUP %s\n", sigismember(&mask, SIGHUP) ? "blocked" : "open");
        return 33;
    }
    if (argc > 1 && strcmp(argv[1], "exit") == 0) return atoi(argv[2]);
    char *self = "/proc/self/exe";
    char *child[] = {"renamed", "child", "two words", "", NULL}, *env[] = {"A=1", "B=two", NULL}, *none[] = {NULL};
    int fd = open("/dev/null", O_RDWR);
    dup2(fd, 20); dup3(fd, 21, O_CLOEXEC); dup2(fd, 22); fcntl(22, F_SETFD, FD_CLOEXEC);
    signal(SIGUSR1, me); signal(SIGUSR2, SIG_IGN);
    sigset_t block; sigemptyset(&block); sigaddset(&block, SIGHUP); sigprocmask(SIG_BLOCK, &block, NULL);
    show_status("through /proc/self/exe", spawn(self, child, env));
    show_status("by its own name", spawn(argv[0], (char *[]){argv[0], "exit", "5", NULL}, none));

    mkdir("exec.d", 0755);
    int text = open("exec.d/text", O_CREAT | O_TRUNC | O_WRONLY, 0755); write(text, "not a program\n", 14); close(text);
    int plain = open("exec.d/plain", O_CREAT | O_TRUNC | O_WRONLY, 0644); close(plain);
    int empty = open("exec.d/empty", O_CREAT | O_TRUNC | O_WRONLY, 0755); close(empty);
    int elf = open("exec.d/elf", O_CREAT | O_TRUNC | O_WRONLY, 0755); write(elf, "\177ELF\1\1\1", 7); close(elf);
    char *args[] = {"x", NULL};
    show_status("missing", spawn("exec.d/missing", args, none));
    show_status("a folder", spawn("exec.d", args, none));
    show_status("not executable", spawn("exec.d/plain", args, none));
    show_status("no known format", spawn("exec.d/text", args, none));
    show_status("empty", spawn("exec.d/empty", args, none));
    show_status("a torn ELF", spawn("exec.d/elf", args, none));
    show_status("through a file", spawn("exec.d/plain/x", args, none));
    show_status("an empty name", spawn("", args, none));
    show("a wild pointer", SYS3(execve, 16, args, none));
    show("wild arguments", SYS3(execve, argv[0], 16, none));

    char script[4096];
    int script_fd = open("exec.d/script", O_CREAT | O_TRUNC | O_WRONLY, 0755);
    ssize_t length = readlink("/proc/self/exe", script, sizeof script - 1);
    script[length > 0 ? length : 0] = 0;
    dprintf(script_fd, "#!%s exit\n", script); close(script_fd);
    /* The interpreter line makes it `SELF exit exec.d/script`, and atoi of that is 0. */
    show_status("a script", spawn("exec.d/script", args, none));

    int order[2]; char seen = '?';
    pipe(order);
    pid_t pid = vfork();
    if (pid == 0) { write(order[1], "c", 1); _exit(0); }
    write(order[1], "p", 1);
    read(order[0], &seen, 1);
    printf("with vfork %s runs first\n", seen == 'c' ? "the child" : "the parent");
    waitpid(pid, NULL, 0);
    unlink("exec.d/text"); unlink("exec.d/plain"); unlink("exec.d/empty"); unlink("exec.d/elf"); unlink("exec.d/script");
    show("rmdir", rmdir("exec.d"));
    execve(self, (char *[]){"last", "exit", "44", NULL}, none);
    return 1;
}
