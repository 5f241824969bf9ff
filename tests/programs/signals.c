/* Signals between processes and to oneself: handlers, masks, pending, restart, reset, suspend, alarm. */
#include "common.h"
#include <sys/time.h>
static volatile int caught, depth, deepest;
static int order[16], orders;
static void count(int n, siginfo_t *i, void *u) { (void)i; (void)u; (void)n; caught++; }
static void note(int n, siginfo_t *i, void *u) { (void)i; (void)u; order[orders++] = n; }
static void nest(int n, siginfo_t *i, void *u) { (void)i; (void)u; depth++; if (depth > deepest) deepest = depth; if (caught++ < 3) raise(n); depth--; }
static void tell(int n, siginfo_t *i, void *u) {
    (void)u;
    printf("  signal %s, si_signo %d, si_code %s, from me: %s\n", sigabbrev_np(n), i->si_signo,
           i->si_code == SI_USER ? "SI_USER" : i->si_code == SI_TKILL ? "SI_TKILL" : i->si_code == SI_KERNEL ? "SI_KERNEL" : "other",
           i->si_code == SI_KERNEL || i->si_pid == getpid() ? "yes" : "no");
}
static void old_style(int n) { caught += n; }
int main(void) {
    sigset_t set, before, empty; int status;
    sigemptyset(&empty);
    on(SIGUSR1, tell, 0); on(SIGUSR2, tell, 0); on(SIGALRM, tell, 0);
    kill(getpid(), SIGUSR1);
    raise(SIGUSR2);
    SYS3(tgkill, getpid(), SYS0(gettid), SIGUSR1);
    signal(SIGUSR1, old_style);
    caught = 0; raise(SIGUSR1); printf("a handler of one argument: %d\n", caught == SIGUSR1);

    puts("blocked signals wait, once each");
    on(SIGUSR1, count, 0); caught = 0;
    sigemptyset(&set); sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, &before);
    raise(SIGUSR1); raise(SIGUSR1); raise(SIGUSR1);
    sigset_t pending; sigpending(&pending);
    printf("caught %d, pending %d\n", caught, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("caught %d\n", caught);
    sigpending(&pending); printf("pending %d\n", sigismember(&pending, SIGUSR1));

    puts("order: the lowest number first; real-time ones are queued");
    for (int n = SIGRTMIN; n < SIGRTMIN + 3; n++) on(n, note, 0);
    on(SIGUSR1, note, 0); on(SIGUSR2, note, 0);
    sigfillset(&set); sigprocmask(SIG_SETMASK, &set, &before);
    raise(SIGRTMIN + 1); raise(SIGUSR2); raise(SIGRTMIN + 1); raise(SIGUSR1); raise(SIGRTMIN);
    /* Each handler runs with its own signal blocked only, so a later frame is built over an earlier one. */
    sigprocmask(SIG_SETMASK, &before, NULL);
    printf("delivered %d\n", orders);
    int seen_rt1 = 0; for (int i = 0; i < orders; i++) seen_rt1 += order[i] == SIGRTMIN + 1;
    printf("of them SIGRTMIN+1: %d\n", seen_rt1);

    puts("masks while a handler runs");
    on(SIGUSR1, nest, 0); caught = deepest = 0; raise(SIGUSR1); printf("plain: %d times, %d deep\n", caught, deepest);
    on(SIGUSR1, nest, SA_NODEFER); caught = deepest = 0; raise(SIGUSR1); printf("SA_NODEFER: %d times, %d deep\n", caught, deepest);
    on(SIGUSR1, count, SA_RESETHAND); raise(SIGUSR1);
    struct sigaction now; sigaction(SIGUSR1, NULL, &now); printf("SA_RESETHAND leaves %s\n", now.sa_handler == SIG_DFL ? "SIG_DFL" : "a handler");

    puts("a slow read and a signal");
    int p[2]; pipe(p);
    char c;
    pid_t parent = getpid();
    on(SIGUSR1, count, 0); caught = 0;
    pid_t pid = fork();
    if (pid == 0) { usleep(50000); kill(parent, SIGUSR1); _exit(0); }
    show("without SA_RESTART", SYS3(read, p[0], &c, 1));
    waitpid(pid, &status, 0);
    on(SIGUSR1, count, SA_RESTART);
    pid = fork();
    if (pid == 0) { usleep(50000); kill(parent, SIGUSR1); usleep(50000); write(p[1], "x", 1); _exit(0); }
    show("with SA_RESTART", SYS3(read, p[0], &c, 1));
    while (waitpid(pid, &status, 0) < 0) {}
    printf("caught %d\n", caught);
    struct timespec time = {0, 200000000}, left = {9, 9};
    on(SIGALRM, count, SA_RESTART);
    struct itimerval timer = {.it_value = {0, 30000}};
    setitimer(ITIMER_REAL, &timer, NULL);
    show("nanosleep is never restarted", SYS2(nanosleep, &time, &left));
    printf("some of it is left: %s\n", left.tv_sec == 0 && left.tv_nsec > 0 && left.tv_nsec < 200000000 ? "yes" : "no");

    puts("sigsuspend and pause");
    sigemptyset(&set); sigaddset(&set, SIGALRM); sigprocmask(SIG_BLOCK, &set, NULL);
    timer.it_value.tv_usec = 20000; setitimer(ITIMER_REAL, &timer, NULL);
    caught = 0;
    show("sigsuspend", sigsuspend(&empty) < 0 ? -errno : 0);
    sigprocmask(SIG_BLOCK, NULL, &set); printf("caught %d, blocked again: %d\n", caught, sigismember(&set, SIGALRM));
    sigprocmask(SIG_SETMASK, &empty, NULL);
    show("alarm", alarm(100)); show("alarm again", alarm(0) > 90);
    timer.it_interval.tv_usec = 5000; timer.it_value.tv_usec = 5000; caught = 0; setitimer(ITIMER_REAL, &timer, NULL);
    while (caught < 5) pause();
    memset(&timer, 0, sizeof timer); setitimer(ITIMER_REAL, &timer, NULL); puts("an interval timer ticks");
    /* The busy loop leaves no call to return from: the signal must come into running code. */
    caught = 0; alarm(1);
    volatile unsigned spins = 0; while (!caught) spins++;
    puts("a busy loop is interrupted");

    puts("refusals");
    struct sigaction action = {.sa_handler = SIG_IGN};
    show("SIGKILL", sigaction(SIGKILL, &action, NULL) < 0 ? -errno : 0);
    show("SIGSTOP", sigaction(SIGSTOP, &action, NULL) < 0 ? -errno : 0);
    show("rt_sigaction 65", SYS4(rt_sigaction, 65, 0, 0, 8));
    show("rt_sigaction size", SYS4(rt_sigaction, SIGUSR1, 0, 0, 4));
    show("rt_sigprocmask how", SYS4(rt_sigprocmask, 77, &set, 0, 8));
    show("rt_sigprocmask pointer", SYS4(rt_sigprocmask, SIG_BLOCK, 16, 0, 8));
    sigemptyset(&set); sigaddset(&set, SIGKILL); sigaddset(&set, SIGSTOP); sigprocmask(SIG_SETMASK, &set, NULL);
    sigprocmask(SIG_BLOCK, NULL, &set); printf("SIGKILL cannot be blocked: %d\n", sigismember(&set, SIGKILL));
    return 0;
}
