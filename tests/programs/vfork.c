/* vfork, clone(CLONE_VM | CLONE_VFORK) and posix_spawn: what parent and child share, what each has for itself. */
#include "common.h"
#include <fenv.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <asm/ldt.h>
extern char **environ;
static char *self = "/proc/self/exe";
static char *none[] = {NULL};
static volatile int counter, usr1, usr2, chld, alrm, nothing;
static volatile pid_t seen_pid, seen_parent;

static void count(int number) {
    if (number == SIGUSR1) usr1++;
    if (number == SIGUSR2) usr2++;
    if (number == SIGCHLD) chld++;
    if (number == SIGALRM) alrm++;
}
static int ended(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}
static void again(char *mode, char *argument) { execve(self, (char *[]){"vfork", mode, argument, NULL}, none); }

/* What a program that was executed does. */
static int executed(int argc, char **argv) {
    char *mode = argv[1], *argument = argc > 2 ? argv[2] : "0";
    if (strcmp(mode, "exit") == 0) return atoi(argument);
    if (strcmp(mode, "pause") == 0) {
        sigset_t empty;
        sigemptyset(&empty);
        for (;;) sigsuspend(&empty);
    }
    if (strcmp(mode, "say") == 0) return dprintf(1, "%s\n", argument) < 0;
    if (strcmp(mode, "late") == 0) return usleep(50000) || write(atoi(argument), "late", 4) != 4;
    if (strcmp(mode, "look") == 0) {
        sigset_t mask;
        sigprocmask(SIG_BLOCK, NULL, &mask);
        struct sigaction ignored, caught;
        sigaction(SIGUSR1, NULL, &caught);
        sigaction(SIGUSR2, NULL, &ignored);
        char folder[4096];
        char *last = getcwd(folder, sizeof folder) ? strrchr(folder, '/') : "?";
        printf("  group: %s, session: %s\n", getpgrp() == getpid() ? "own" : "parent's", getsid(0) == getpid() ? "own" : "parent's");
        printf("  SIGHUP %s, SIGUSR1 %s, SIGUSR2 %s\n", sigismember(&mask, SIGHUP) ? "blocked" : "open",
               caught.sa_handler == SIG_DFL ? "default" : "kept", ignored.sa_handler == SIG_IGN ? "ignored" : "default");
        printf("  descriptors 30 to 32:");
        for (int fd = 30; fd < 33; fd++) printf(" %s", fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
        printf("; folder: %s\n", strcmp(last, "/vfork.d") == 0 ? "vfork.d" : "other");
        return 7;
    }
    return 99;
}

static void memory(void) {
    volatile int local = 1;
    volatile int *volatile heap = malloc(sizeof *heap);
    char *volatile map = NULL;
    *heap = 1;
    fesetround(FE_DOWNWARD);
    pid_t pid = vfork();
    if (pid == 0) {
        local = 2; *heap = 3; counter = 4;
        map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        strcpy(map, "mapped by the child");
        seen_pid = getpid(); seen_parent = getppid();
        fesetround(FE_UPWARD);
        _exit(5);
    }
    show_status("the child", ended(pid));
    printf("its stores: %d %d %d, %s\n", local, *heap, counter, map);
    printf("its numbers: %s %s\n", seen_pid == pid ? "right" : "wrong", seen_parent == getpid() ? "right" : "wrong");
    printf("its rounding mode is %s\n", fegetround() == FE_DOWNWARD ? "its own" : "the parent's");
    fesetround(FE_TONEAREST);
    free((void *)heap);
    show("waited for once", waitpid(pid, NULL, 0) < 0 ? -errno : 0);
}

static void possessions(void) {
    int one = open("vfork.file", O_CREAT | O_RDWR, 0644);
    signal(SIGUSR1, count);
    umask(022);
    volatile int made = -1;
    pid_t session = getsid(0), group = getpgrp();
    struct rlimit files = {100, 100};
    pid_t pid = vfork();
    if (pid == 0) {
        write(one, "four", 4);
        made = dup2(one, 40);
        close(one);
        chdir("vfork.d"); umask(077);
        signal(SIGUSR1, SIG_IGN);
        sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL);
        setrlimit(RLIMIT_NOFILE, &files);
        setsid();
        nothing = getpgrp() == getpid() && getsid(0) == getpid() ? 1 : 2;
        _exit(0);
    }
    show_status("the child", ended(pid));
    printf("made %d, which is %s here; the offset is %d\n", made, fcntl(40, F_GETFD) < 0 ? "closed" : "open", (int)lseek(one, 0, SEEK_CUR));
    struct sigaction now; sigset_t mask;
    sigaction(SIGUSR1, NULL, &now); sigprocmask(SIG_BLOCK, NULL, &mask); getrlimit(RLIMIT_NOFILE, &files);
    printf("umask %03o, folder %s, handler %s, SIGUSR1 %s, limit %s, session of the child %s\n", umask(022),
           access("vfork.d", F_OK) == 0 ? "kept" : "changed", now.sa_handler == count ? "kept" : "changed",
           sigismember(&mask, SIGUSR1) ? "blocked" : "open", files.rlim_cur == 100 ? "changed" : "kept",
           nothing == 1 ? "its own" : "the parent's");
    printf("the parent's session is %s\n", getsid(0) == session && getpgrp() == group ? "as it was" : "new");
    close(one);
}

static void endings(void) {
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0) { execve("vfork.missing", none, none); error = errno; _exit(127); }
    int status = ended(pid);
    printf("execve: -%s; ", errno_name(-error)); show_status("missing", status);
    pid = vfork();
    if (pid == 0) { again("exit", "300"); _exit(127); }
    show_status("executed", ended(pid));
    pid = vfork();
    if (pid == 0) { kill(getpid(), SIGKILL); _exit(1); }
    show_status("kills itself", ended(pid));
    pid = vfork();
    if (pid == 0) { *(volatile int *)16 = 1; _exit(1); }
    show_status("faults", ended(pid));
    pid = vfork();
    if (pid == 0) { again("pause", NULL); _exit(1); }
    show("not ended", waitpid(pid, NULL, WNOHANG));
    show("kill", kill(pid, SIGTERM));
    show_status("killed after execve", ended(pid));
    pid = vfork();
    if (pid == 0) _exit(9);
    siginfo_t info;
    show("waitid", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    printf("code %d, status %d, number %s\n", info.si_code, info.si_status, info.si_pid == pid ? "right" : "wrong");
    show("kill of a zombie", kill(pid, SIGTERM));
    show_status("waited for", ended(pid));
    show("kill of nobody", kill(pid, 0) < 0 ? -errno : 0);
    signal(SIGCHLD, count);
    chld = 0;
    pid = vfork();
    if (pid == 0) _exit(nothing = chld);
    /* Linux lets the parent go on a moment before it sends the signal. */
    show_status("ended", ended(pid)); printf("SIGCHLD: %d in the child, %d after\n", nothing, chld);
    signal(SIGCHLD, SIG_IGN);
    pid = vfork();
    if (pid == 0) _exit(3);
    show("no zombie", waitpid(pid, NULL, 0) < 0 ? -errno : 0);
    signal(SIGCHLD, SIG_DFL);
}

/* A function of its own, so that the frames of two vforks do not meet. */
static __attribute__((noinline)) void inner(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        nothing = getppid() == seen_pid;
        counter += 10;
        again("exit", "21");
        _exit(127);
    }
    counter += 100;
    show_status("  the grandchild", ended(pid));
    pid = vfork();
    if (pid == 0) { counter += 1000; _exit(22); }
    show_status("  another", ended(pid));
    printf("  parents %s\n", nothing ? "right" : "wrong");
}
static void relatives(void) {
    counter = 1;
    pid_t pid = vfork();
    if (pid == 0) { seen_pid = getpid(); inner(); again("exit", "20"); _exit(127); }
    show_status("nested", ended(pid));
    printf("counter %d\n", counter);
    int pipes[2];
    pipe(pipes);
    pid = vfork();
    if (pid == 0) {
        pid_t child = fork();
        if (child == 0) { counter = 5; write(pipes[1], "forked", 6); _exit(counter); }
        int status = ended(child);
        show_status("  forked by the child", status);
        if (fork() == 0) { usleep(50000); again("late", (char[]){'0' + pipes[1], 0}); _exit(127); }
        _exit(6);
    }
    show_status("forks", ended(pid));
    close(pipes[1]);
    char text[32];
    int length = 0, got;
    while ((got = read(pipes[0], text + length, sizeof text - 1 - length)) > 0) length += got;
    text[length] = 0;
    close(pipes[0]);
    printf("counter %d, from the pipe: %s\n", counter, text);
    show("none left", waitpid(-1, NULL, 0) < 0 ? -errno : 0);
    /* The parent is killed while it waits: the child lives. */
    pipe(pipes);
    pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        if (vfork() == 0) { kill(getppid(), SIGKILL); again("late", (char[]){'0' + pipes[1], 0}); _exit(127); }
        _exit(8);
    }
    close(pipes[1]);
    show_status("the lender", ended(pid));
    got = read(pipes[0], text, sizeof text - 1);
    text[got > 0 ? got : 0] = 0;
    printf("its child: %s\n", text);
    close(pipes[0]);
}

/* A third process signals both: the child takes its signal, the parent's waits. */
static void signals(void) {
    int numbers[2];
    pipe(numbers);
    sigset_t both, before;
    sigemptyset(&both); sigaddset(&both, SIGUSR1); sigaddset(&both, SIGUSR2);
    signal(SIGUSR1, count); signal(SIGUSR2, count);
    usr1 = usr2 = 0;
    pid_t parent = getpid(), other = fork();
    if (other == 0) {
        pid_t pid;
        read(numbers[0], &pid, sizeof pid);
        kill(parent, SIGUSR2); kill(pid, SIGUSR1);
        _exit(0);
    }
    sigprocmask(SIG_BLOCK, &both, &before);
    pid_t pid = vfork();
    if (pid == 0) {
        pid_t me = getpid();
        write(numbers[1], &me, sizeof me);
        sigsuspend(&before);
        _exit(usr1 * 10 + usr2);
    }
    show_status("in the child", ended(pid));
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("in the end: %d %d\n", usr1, usr2);
    ended(other);
    close(numbers[0]); close(numbers[1]);
}

static char stack[32768] __attribute__((aligned(16)));
static int changes(void *fd) {
    signal(SIGUSR2, SIG_IGN);
    chdir("vfork.d");
    counter = (char *)&fd > stack && (char *)&fd < stack + sizeof stack;
    return close(*(int *)fd) ? 1 : 2;
}
static int executes(void *fd) { fcntl(*(int *)fd, F_SETFD, FD_CLOEXEC); again("exit", "4"); return 127; }
static void common(const char *what, int flags, int (*run)(void *)) {
    int fd = open("vfork.file", O_RDONLY), base = open(".", O_RDONLY);
    volatile pid_t parents = 0, childs = 1;
    signal(SIGUSR2, SIG_DFL);
    pid_t pid = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, &fd, &parents, NULL, &childs);
    show_status(what, ended(pid));
    struct sigaction now;
    sigaction(SIGUSR2, NULL, &now);
    printf("  descriptor %s, folder %s, action %s; numbers: %s %s\n", fcntl(fd, F_GETFD) < 0 ? "closed" : "open",
           access("vfork.d", F_OK) ? "changed" : "kept", now.sa_handler == SIG_IGN ? "changed" : "kept",
           parents == pid ? "parent's" : "-", childs == pid ? "child's" : childs == 0 ? "cleared" : "-");
    fchdir(base);
    close(fd); close(base);
}
static void clones(void) {
    common("all its own", 0, changes);
    printf("  it ran on the stack it was given: %d\n", counter);
    common("descriptors in common", CLONE_FILES, changes);
    common("folder in common", CLONE_FS, changes);
    common("actions in common", CLONE_SIGHAND, changes);
    common("numbers", CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, changes);
    common("numbers cleared", CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, changes);
    common("all in common, then execve", CLONE_FILES | CLONE_FS | CLONE_SIGHAND, executes);
    common("cleared by execve", CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, executes);
    struct user_desc segment = {.entry_number = -1, .base_addr = 0x1000, .limit = 0xfff, .seg_32bit = 1, .useable = 1};
    volatile long result = 1;
    pid_t pid = vfork();
    if (pid == 0) { result = SYS1(set_thread_area, &segment); _exit(0); }
    ended(pid);
    show("set_thread_area", result);
    show("get_thread_area", SYS1(get_thread_area, &segment));
    printf("the segment is %s\n", segment.seg_not_present ? "not there" : "there");
    signal(SIGUSR2, SIG_DFL);
}

static void show_spawn(const char *what, int error, pid_t *pid) {
    int status = error ? 0 : ended(*pid);
    printf("posix_spawn: %d; ", error);
    show_status(what, status);
}
static void spawns(void) {
    pid_t pid;
    char *exit5[] = {"x", "exit", "5", NULL}, *look[] = {"x", "look", NULL}, *say[] = {"x", "say", "through a pipe", NULL};
    printf("a missing program: %s\n", errno_name(-posix_spawn(&pid, "vfork.missing", NULL, NULL, exit5, none)));
    show("nobody is left of it", waitpid(-1, NULL, 0) < 0 ? -errno : 0);
    show_spawn("ended", posix_spawn(&pid, self, NULL, NULL, exit5, none), &pid);
    int fd = open("vfork.file", O_RDONLY);
    dup2(fd, 30); dup3(fd, 31, O_CLOEXEC);
    signal(SIGUSR1, count); signal(SIGUSR2, SIG_IGN);
    show_spawn("plain", posix_spawn(&pid, self, NULL, NULL, look, none), &pid);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, 30);
    posix_spawn_file_actions_adddup2(&actions, 31, 31);
    posix_spawn_file_actions_addopen(&actions, 32, "vfork.file", O_RDONLY, 0);
    posix_spawn_file_actions_addchdir_np(&actions, "vfork.d");
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigemptyset(&set); sigaddset(&set, SIGHUP); posix_spawnattr_setsigmask(&attributes, &set);
    sigemptyset(&set); sigaddset(&set, SIGUSR2); posix_spawnattr_setsigdefault(&attributes, &set);
    show_spawn("with actions and attributes", posix_spawn(&pid, self, &actions, &attributes, look, none), &pid);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    show_spawn("in a session of its own", posix_spawn(&pid, self, NULL, &attributes, look, none), &pid);
    posix_spawn_file_actions_addopen(&actions, 33, "vfork.missing", O_RDONLY, 0);
    printf("an action that fails: %s\n", errno_name(-posix_spawn(&pid, self, &actions, NULL, look, none)));
    posix_spawn_file_actions_destroy(&actions);
    close(fd); close(30); close(31);
    /* As popen does it; popen itself wants a shell. */
    int ends[2];
    char text[64];
    pipe2(ends, O_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    show("posix_spawn", posix_spawn(&pid, self, &actions, NULL, say, none));
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    printf("read: %s", fgets(text, sizeof text, from) ? text : "nothing\n");
    printf("then %s; ", fgets(text, sizeof text, from) ? "more" : "the end");
    fclose(from);
    show_status("ended", ended(pid));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    signal(SIGUSR1, SIG_DFL); signal(SIGUSR2, SIG_DFL);
}

static void many(void) {
    int sum = 0, lowest = open(".", O_RDONLY);
    close(lowest);
    for (int n = 0; n < 1000; n++) {
        pid_t pid = vfork();
        if (pid == 0) { counter = n; _exit(counter & 1); }
        sum += WEXITSTATUS(ended(pid));
    }
    printf("1000 that end: %d\n", sum);
    sum = 0;
    for (int n = 0; n < 100; n++) {
        pid_t pid = vfork();
        if (pid == 0) { again("exit", "1"); _exit(127); }
        sum += WEXITSTATUS(ended(pid));
    }
    printf("100 that execute: %d\n", sum);
    int again = open(".", O_RDONLY);
    printf("the next descriptor is %s\n", again == lowest ? "what it was" : "another");
    close(again);
}

/* execve under a hail of signals: it is not interrupted, whatever the handler's flags. */
static void hail(void) {
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGWINCH, &action, NULL);
    setpgid(0, 0);
    pid_t other = fork();
    if (other == 0) {
        signal(SIGWINCH, SIG_IGN);
        for (;;) { kill(0, SIGWINCH); usleep(20); }
    }
    int sum = 0;
    for (int n = 0; n < 30; n++) {
        volatile int error = 0;
        pid_t pid = vfork();
        if (pid == 0) { again("exit", "1"); error = errno; _exit(0); }
        int status = ended(pid);
        if (error) printf("execve: -%s\n", errno_name(-error));
        if (WIFSIGNALED(status)) show_status("executed", status);
        sum += WEXITSTATUS(status);
    }
    kill(other, SIGKILL);
    ended(other);
    printf("30 that execute: %d\n", sum);
    signal(SIGWINCH, SIG_DFL);
}

static void alarms(void) {
    struct itimerval soon = {.it_value = {0, 30000}}, left;
    signal(SIGALRM, count);
    alrm = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
    pid_t pid = vfork();
    if (pid == 0) {
        getitimer(ITIMER_REAL, &left);
        nothing = left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0;
        usleep(100000);
        _exit(alrm);
    }
    printf("the child has %s alarm; the parent's rang %d times\n", nothing ? "no" : "an", alrm);
    show_status("rung in the child", ended(pid));
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {50, 0}}, NULL);
    pid = vfork();
    if (pid == 0) {
        setitimer(ITIMER_REAL, &soon, NULL);
        while (alrm == 1) pause();
        _exit(alrm);
    }
    show_status("an alarm of the child's own", ended(pid));
    getitimer(ITIMER_REAL, &left);
    printf("the parent's is %s\n", left.it_value.tv_sec >= 40 ? "still set" : "lost");
    pid = vfork();
    if (pid == 0) {
        /* Before execve it would run a handler. */
        sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, NULL);
        setitimer(ITIMER_REAL, &soon, NULL);
        again("pause", NULL);
        _exit(127);
    }
    show_status("an alarm that outlives execve", ended(pid));
    getitimer(ITIMER_REAL, &left);
    printf("the parent's is %s\n", left.it_value.tv_sec >= 40 ? "still set" : "lost");
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "alarms") == 0) { alarms(); return 0; }
    if (argc > 1 && strcmp(argv[1], "many") == 0) { many(); hail(); return 0; }
    if (argc > 1) return executed(argc, argv);
    mkdir("vfork.d", 0755);
    puts("memory"); memory();
    puts("possessions"); possessions();
    puts("endings"); endings();
    puts("relatives"); relatives();
    puts("signals"); signals();
    puts("clones"); clones();
    puts("spawns"); spawns();
    unlink("vfork.file");
    show("rmdir", rmdir("vfork.d"));
    return 0;
}
