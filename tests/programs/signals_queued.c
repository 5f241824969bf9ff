/* Signals that queue: real-time ones with their values, order, limits, waiting for them, and what exec and fork keep. */
#include "common.h"
#include <sys/resource.h>
#include <sys/prctl.h>
static int orders, order[64], values[64];
static void note(int n, siginfo_t *i, void *u) { (void)u; values[orders] = i->si_code == SI_QUEUE ? i->si_value.sival_int : -1; order[orders++] = n; }
static const char *code(const siginfo_t *i) {
    return i->si_code == SI_USER ? "SI_USER" : i->si_code == SI_QUEUE ? "SI_QUEUE" : i->si_code == SI_TKILL ? "SI_TKILL" : i->si_code == SI_KERNEL ? "SI_KERNEL" : i->si_code == SI_TIMER ? "SI_TIMER" : "other";
}
static void tell(const char *what, const siginfo_t *i) {
    printf("%s: signal %d, %s, from %s, value %d\n", what, i->si_signo, code(i), i->si_pid == getpid() ? "me" : i->si_pid == 0 ? "nobody" : "another", i->si_code == SI_QUEUE ? i->si_value.sival_int : 0);
}
static long queue(pid_t pid, int n, int value) {
    siginfo_t i; memset(&i, 0, sizeof i);
    i.si_code = SI_QUEUE; i.si_pid = getpid(); i.si_uid = getuid(); i.si_value.sival_int = value;
    return SYS3(rt_sigqueueinfo, pid, n, &i);
}
static void mask(int how, int first, ...) {
    sigset_t set; sigemptyset(&set);
    for (int *n = &first; *n; n++) sigaddset(&set, *n);
    sigprocmask(how, &set, NULL);
}
static long timedwait(const uint64_t *set, siginfo_t *i, const void *time, unsigned size) { return SYS4(rt_sigtimedwait, set, i, time, size); }
static void limit(unsigned n) { struct rlimit l; getrlimit(RLIMIT_SIGPENDING, &l); l.rlim_cur = n; show("limit", setrlimit(RLIMIT_SIGPENDING, &l) < 0 ? -errno : 0); }
static void pending(const char *what) { sigset_t set; sigpending(&set); printf("%s:", what); for (int n = 1; n <= 64; n++) if (sigismember(&set, n) == 1) printf(" %d", n); puts(""); }
int main(int argc, char **argv) {
    const int rt = 40; int status; siginfo_t info; struct timespec none = {0, 0}, soon = {0, 20000000};
    uint64_t every = ~0ull, nothing = 0, wanted;
    if (argc > 1) { pending("after exec"); mask(SIG_SETMASK, 0); _exit(9); }
    for (int n = 35; n <= 64; n++) on(n, note, 0);
    on(SIGUSR1, note, 0); on(SIGUSR2, note, 0);

    puts("order");
    sigset_t all, old; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, &old);
    queue(getpid(), 42, 1); queue(getpid(), 40, 2); queue(getpid(), 42, 3); queue(getpid(), 64, 4); queue(getpid(), 40, 5);
    queue(getpid(), SIGUSR2, 6); queue(getpid(), SIGUSR2, 7); queue(getpid(), SIGUSR1, 8);
    pending("pending");
    /* Taken one at a time, so that frames do not turn the order around. */
    while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) { order[orders] = info.si_signo; values[orders++] = info.si_value.sival_int; }
    for (int i = 0; i < orders; i++) printf(" %d=%d", order[i], values[i]);
    puts(""); orders = 0;
    pending("pending");
    queue(getpid(), 41, 1); queue(getpid(), 41, 2); queue(getpid(), 41, 3); kill(getpid(), 41);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("handlers: %d\n", orders); for (int i = 0; i < orders; i++) printf(" %d=%d", order[i], values[i]); puts(""); orders = 0;

    puts("a thread's own come first");
    sigprocmask(SIG_SETMASK, &all, &old);
    kill(getpid(), SIGUSR1); SYS3(tgkill, getpid(), SYS0(gettid), SIGUSR1); queue(getpid(), 40, 1); SYS3(tgkill, getpid(), SYS0(gettid), 50);
    while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) tell("  taken", &info);
    sigprocmask(SIG_SETMASK, &old, NULL);

    puts("what may be sent");
    memset(&info, 0, sizeof info);
    int codes[] = {SI_USER, SI_KERNEL, SI_TKILL, SI_QUEUE, SI_TIMER, SI_ASYNCIO, 5};
    mask(SIG_BLOCK, rt, 0);
    pid_t other = fork(); if (other == 0) for (;;) pause();
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        memset(&info, 0, sizeof info); info.si_code = codes[i]; info.si_pid = 77;
        printf("code %d\n", codes[i]);
        show("  to another", SYS3(rt_sigqueueinfo, other, 0, &info)); show("  to its thread", SYS4(rt_tgsigqueueinfo, other, other, 0, &info)); show("  to nobody", SYS3(rt_sigqueueinfo, 0x3fffffff, rt, &info));
        show("  to me", SYS3(rt_sigqueueinfo, getpid(), rt, &info)); show("  to my thread", SYS4(rt_tgsigqueueinfo, getpid(), SYS0(gettid), rt, &info));
    }
    kill(other, SIGKILL); waitpid(other, &status, 0);
    wanted = 1ull << (rt - 1);
    while (SYS4(rt_sigtimedwait, &wanted, &info, &none, 8) > 0) printf("  code %d pid %d\n", info.si_code, info.si_pid);
    info.si_code = SI_QUEUE;
    show("signal 65", SYS3(rt_sigqueueinfo, getpid(), 65, &info)); show("signal -1", SYS3(rt_sigqueueinfo, getpid(), -1, &info)); show("signal 0", SYS3(rt_sigqueueinfo, getpid(), 0, &info));
    show("wild", SYS3(rt_sigqueueinfo, getpid(), rt, 16)); show("pid 0", SYS3(rt_sigqueueinfo, 0, rt, &info)); show("pid -1", SYS3(rt_sigqueueinfo, -1, rt, &info));
    show("group 0", SYS4(rt_tgsigqueueinfo, 0, getpid(), rt, &info)); show("thread -1", SYS4(rt_tgsigqueueinfo, getpid(), -1, rt, &info)); show("thread of another", SYS4(rt_tgsigqueueinfo, getpid(), 1, rt, &info)); show("wild", SYS4(rt_tgsigqueueinfo, getpid(), getpid(), rt, 16)); show("signal 65", SYS4(rt_tgsigqueueinfo, getpid(), getpid(), 65, &info));
    show("kill 65", SYS2(kill, getpid(), 65)); show("kill nobody 65", SYS2(kill, 0x3fffffff, 65)); show("kill 0", SYS2(kill, getpid(), 0)); show("kill group of nobody", SYS2(kill, -0x3fffffff, 0)); show("kill the least", SYS2(kill, 0x80000000, 0));
    show("tkill 0", SYS2(tkill, 0, 0)); show("tkill -1", SYS2(tkill, -1, 0)); show("tkill nobody", SYS2(tkill, 0x3fffffff, 0)); show("tgkill group -1", SYS3(tgkill, -1, getpid(), 0)); show("tgkill of another", SYS3(tgkill, 1, getpid(), 0)); show("tgkill 65", SYS3(tgkill, getpid(), getpid(), 65));

    puts("waiting");
    show("size 4", timedwait(&wanted, &info, &none, 4)); show("size 16", timedwait(&wanted, &info, &none, 16)); show("set wild", timedwait((void *)16, &info, &none, 8)); show("time wild", timedwait(&wanted, &info, (void *)16, 8));
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}; show("time bad", timedwait(&wanted, &info, &bad, 8)); show("time negative", timedwait(&wanted, &info, &negative, 8));
    show("nothing there", timedwait(&wanted, &info, &none, 8)); show("not in time", timedwait(&wanted, &info, &soon, 8)); show("an empty set", timedwait(&nothing, &info, &none, 8));
    queue(getpid(), rt, 5); show("info wild", timedwait(&wanted, (void *)16, &none, 8)); show("it is gone", timedwait(&wanted, &info, &none, 8));
    queue(getpid(), rt, 6); show("no info", timedwait(&wanted, NULL, NULL, 8));
    long long wide[2] = {0, 1000000}; show("64-bit time", sys(421, (long)&wanted, (long)&info, (long)wide, 8, 0, 0));
    pid_t parent = getpid(), child = fork();
    if (child == 0) { usleep(30000); queue(parent, rt, 99); _exit(0); }
    show("from another", timedwait(&wanted, &info, NULL, 8)); tell("  it", &info); printf("  uid %d\n", info.si_uid == getuid()); waitpid(child, &status, 0);
    child = fork(); if (child == 0) { usleep(30000); kill(parent, SIGUSR1); _exit(0); }
    show("interrupted", timedwait(&wanted, &info, NULL, 8)); printf("  handler ran %d\n", orders); orders = 0; waitpid(child, &status, 0);
    /* One that is not blocked goes to whoever waits. */
    wanted = 1ull << (44 - 1); child = fork(); if (child == 0) { usleep(30000); queue(parent, 44, 7); _exit(0); }
    show("not blocked", timedwait(&wanted, &info, NULL, 8)); printf("  handler ran %d\n", orders); orders = 0; waitpid(child, &status, 0);
    wanted = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1); show("SIGKILL cannot be waited for", timedwait(&wanted, &info, &none, 8));

    puts("limits");
    /* What waits for other processes of the user counts, too: how many it is exactly cannot be known. */
    limit(40); mask(SIG_BLOCK, rt, 45, 46, SIGUSR1, SIGUSR2, 0);
    int fit = 0; long refusal; while ((refusal = queue(getpid(), rt, fit)) == 0) fit++;
    printf("  some fit: %d\n", fit > 0 && fit <= 40); show("  one more", refusal);
    show("  tgkill", SYS3(tgkill, getpid(), getpid(), 45)); show("  kill", SYS2(kill, getpid(), 46)); show("  kill again", SYS2(kill, getpid(), 46));
    show("  standard, queued", queue(getpid(), SIGUSR1, 8)); show("  standard, kill", SYS2(kill, getpid(), SIGUSR2));
    pending("  pending");
    while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) if (info.si_code != SI_QUEUE) tell("  taken", &info); else fit--;
    printf("  all came: %d\n", fit == 0);
    limit(0); show("  queued", queue(getpid(), rt, 1)); show("  kill", SYS2(kill, getpid(), rt)); while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) tell("  taken", &info);
    limit(1000);

    puts("many");
    int sum = 0; for (int i = 0; i < 500; i++) sum += queue(getpid(), rt + i % 2 * 5, i) == 0;
    printf("sent %d\n", sum); int last[2] = {-1, -1}, ordered = 1; sum = 0;
    while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) { int odd = info.si_signo != rt; ordered &= info.si_value.sival_int > last[odd] && (odd || last[1] < 0); last[odd] = info.si_value.sival_int; sum++; }
    printf("taken %d, in order %d\n", sum, ordered);

    puts("thrown away");
    queue(getpid(), rt, 1); queue(getpid(), rt, 2); signal(rt, SIG_IGN); pending("  ignored"); on(rt, note, 0);
    signal(rt, SIG_IGN); queue(getpid(), rt, 3); pending("  sent while ignored and blocked"); on(rt, note, 0); mask(SIG_UNBLOCK, rt, 0); printf("  handlers %d\n", orders); orders = 0;
    mask(SIG_BLOCK, SIGTSTP, SIGCONT, 0); kill(getpid(), SIGTSTP); pending("  stop"); kill(getpid(), SIGCONT); pending("  continue"); kill(getpid(), SIGTSTP); pending("  stop"); kill(getpid(), SIGCONT); signal(SIGCONT, SIG_IGN); signal(SIGCONT, SIG_DFL);

    puts("fork and exec");
    mask(SIG_BLOCK, rt, SIGUSR1, 0); queue(getpid(), rt, 1); queue(getpid(), rt, 2); kill(getpid(), SIGUSR1);
    child = fork(); if (child == 0) { pending("  in the child"); _exit(0); }
    waitpid(child, &status, 0); pending("  in the parent");
    child = fork();
    if (child == 0) { queue(getpid(), rt, 3); queue(getpid(), rt, 4); SYS3(tgkill, getpid(), getpid(), 45); mask(SIG_BLOCK, 45, 0); execl("/proc/self/exe", "again", "exec", NULL); _exit(1); }
    waitpid(child, &status, 0); show_status("  it", status);
    /* A process that ends leaves nothing of its own behind. */
    for (int round = 0; round < 6; round++) { child = fork(); if (child == 0) { for (int i = 0; i < 400; i++) queue(getpid(), rt, i); _exit(0); } waitpid(child, &status, 0); }
    while (SYS4(rt_sigtimedwait, &every, &info, &none, 8) > 0) {}
    sum = 0; for (int i = 0; i < 300; i++) sum += queue(getpid(), rt, i) == 0; printf("  room for %d\n", sum);
    return 0;
}
