/* timer_create(2) and setitimer(2): signals, overruns, values, lifetimes. */
#include "common.h"
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

struct event { int value, signal, how, tid; char rest[48]; };
struct t32 { int32_t is, in, vs, vn; };

static int create(int clock, int how, int signal, int value, int tid) {
    struct event e = {value, signal, how, tid};
    int id = -1;
    long result = SYS3(timer_create, clock, &e, &id);
    return result < 0 ? result : id;
}

static long set(int id, int flags, long us, long every) {
    struct t32 t = {every / 1000000, every % 1000000 * 1000, us / 1000000, us % 1000000 * 1000};
    return SYS4(timer_settime, id, flags, &t, 0);
}

static int take(int number, int ms, siginfo_t *info) {
    uint64_t mask = 1ull << (number - 1);
    int32_t ts[2] = {ms / 1000, ms % 1000 * 1000000};
    return SYS4(rt_sigtimedwait, &mask, info, ts, 8);
}

static volatile int hits;
static siginfo_t last;
static void handler(int number, siginfo_t *info, void *context) {
    last = *info;
    hits++;
}

static void told(const char *what) {
    printf("%s: %d hits, signal %d code %d timer %d overrun %s value %d\n", what, hits, last.si_signo, last.si_code,
           last.si_timerid, last.si_overrun == 0 ? "none" : last.si_overrun > 0 ? "some" : "negative", last.si_value.sival_int);
    hits = 0;
}

static volatile int tid_of_thread, stop, on_thread;
static void here(int number, siginfo_t *info, void *context) {
    on_thread = syscall(SYS_gettid) == tid_of_thread;
    hits++;
}
static void *thread(void *arg) {
    tid_of_thread = syscall(SYS_gettid);
    while (!stop)
        usleep(1000);
    return NULL;
}

int main(int argc, char **argv) {
    struct t32 t;
    siginfo_t info;
    if (argc > 1) {
        show("after exec, the timer", SYS2(timer_gettime, 0, &t));
        struct itimerval i;
        getitimer(ITIMER_REAL, &i);
        printf("after exec, the alarm: %d\n", i.it_value.tv_sec > 0);
        return 0;
    }
    show("no clock", create(99, 0, SIGUSR1, 0, 0));
    show("coarse clock", create(CLOCK_MONOTONIC_COARSE, 0, SIGUSR1, 0, 0));
    show("no signal", create(CLOCK_MONOTONIC, 0, 0, 0, 0));
    show("signal 65", create(CLOCK_MONOTONIC, 0, 65, 0, 0));
    show("no such way", create(CLOCK_MONOTONIC, 3, SIGUSR1, 0, 0));
    show("no such thread", create(CLOCK_MONOTONIC, 4, SIGUSR1, 0, 999999));
    show("to nowhere", SYS3(timer_create, CLOCK_MONOTONIC, 0, 16));
    show("from nowhere", SYS3(timer_create, CLOCK_MONOTONIC, 16, &t));
    show("set nothing", set(77, 0, 1, 0));
    show("delete nothing", SYS1(timer_delete, 77));
    show("overrun of nothing", SYS1(timer_getoverrun, 77));
    show("get nothing", SYS2(timer_gettime, 77, &t));

    on(SIGUSR1, handler, 0);
    on(SIGALRM, handler, SA_RESTART);
    int first = create(CLOCK_MONOTONIC, 0, SIGUSR1, 1234, 0);
    int base = first;
    show("get", SYS2(timer_gettime, first, &t));
    printf("%d.%d every %d.%d\n", t.vs, t.vn, t.is, t.in);
    show("set", set(first, 0, 20000, 0));
    usleep(200000);
    while (!hits)
        pause();
    last.si_timerid -= base;
    told("once");
    show("overrun", SYS1(timer_getoverrun, first));
    show("get", SYS2(timer_gettime, first, &t));
    printf("%d.%d every %d.%d\n", t.vs, t.vn, t.is, t.in);
    show("set", set(first, 0, 10000, 10000));
    for (int i = 0; i < 3;) {
        pause();
        i++;
    }
    printf("periodic: %d\n", hits >= 3);
    show("get", SYS2(timer_gettime, first, &t));
    printf("%d %d every %d.%d\n", t.vs, t.vn <= 10000000 && t.vn > 0, t.is, t.in);
    t = (struct t32){0, 0, 0, 0};
    struct t32 old;
    show("stop", SYS4(timer_settime, first, 0, &t, &old));
    printf("%d %d every %d.%d\n", old.vs, old.vn <= 10000000 && old.vn > 0, old.is, old.in);
    hits = 0;
    usleep(50000);
    printf("stopped: %d\n", hits);
    t.vn = 1000000000;
    show("bad time", SYS4(timer_settime, first, 0, &t, 0));
    show("null", SYS4(timer_settime, first, 0, 0, 0));
    show("nowhere", SYS4(timer_settime, first, 0, 16, 0));

    /* Without an event: SIGALRM, and the number as its value. */
    int id = -1;
    show("no event", SYS3(timer_create, CLOCK_REALTIME, 0, &id));
    set(id, 0, 10000, 0);
    while (!hits)
        usleep(1000);
    printf("the number is the value: %d\n", last.si_value.sival_int == id);
    last.si_timerid -= base;
    last.si_value.sival_int = 0;
    told("alarm");
    show("delete", SYS1(timer_delete, id));
    show("deleted", SYS2(timer_gettime, id, &t));

    /* Blocked: one signal, and overruns. */
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, 40);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    set(first, 0, 5000, 5000);
    usleep(100000);
    show("taken", take(SIGUSR1, 1000, &info));
    printf("code %d timer %d overrun %d value %d\n", info.si_code, info.si_timerid - base,
           info.si_overrun >= 15 && info.si_overrun < 60, info.si_value.sival_int);
    printf("the same: %d\n", SYS1(timer_getoverrun, first) == info.si_overrun);
    show("the next", take(SIGUSR1, 1000, &info));
    usleep(20000);
    set(first, 0, 0, 0);
    show("set anew, it is gone", take(SIGUSR1, 0, &info));
    show("overrun", SYS1(timer_getoverrun, first));
    int real = create(CLOCK_BOOTTIME, 0, 40, -7, 0);
    set(real, 0, 1000, 1000);
    usleep(30000);
    sigqueue(getpid(), 40, (union sigval){.sival_int = 5});
    show("real-time", take(40, 1000, &info));
    printf("code %d timer %d overrun %d value %d\n", info.si_code, info.si_timerid == real, info.si_overrun >= 20,
           info.si_value.sival_int);
    set(real, 0, 0, 0);
    show("queued", take(40, 1000, &info));
    printf("code %d value %d\n", info.si_code, info.si_value.sival_int);
    show("no more", take(40, 0, &info));
    set(real, 0, 1000, 0);
    usleep(20000);
    show("delete", SYS1(timer_delete, real));
    show("its signal is gone", take(40, 0, &info));

    /* Moments. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int wall = create(CLOCK_REALTIME, 0, 40, 1, 0);
    t = (struct t32){0, 0, now.tv_sec + 1, 0};
    SYS4(timer_settime, wall, 1, &t, 0);
    SYS2(timer_gettime, wall, &t);
    printf("within a second: %d\n", t.vs == 0 && t.vn > 0);
    show("absolute", take(40, 3000, &info));
    clock_gettime(CLOCK_REALTIME, &now);
    t = (struct t32){1, 0, now.tv_sec - 100, now.tv_nsec};
    SYS4(timer_settime, wall, 1, &t, 0);
    show("past", take(40, 1000, &info));
    printf("a hundred overruns: %d\n", info.si_overrun == 100);
    SYS2(timer_gettime, wall, &t);
    printf("within a second: %d, every %d.%d\n", t.vs == 0 && t.vn > 0, t.is, t.in);
    SYS1(timer_delete, wall);
    int64_t wide[4] = {0, 0, 0, 10000000};
    int none = create(CLOCK_MONOTONIC, 1, 0, 0, 0);
    show("silent", sys(409, none, 0, (long)wide, 0, 0, 0));
    usleep(30000);
    memset(wide, 0x55, sizeof wide);
    show("silent, wide", sys(408, none, (long)wide, 0, 0, 0, 0));
    printf("%lld %lld %lld %lld\n", (long long)wide[0], (long long)wide[1], (long long)wide[2], (long long)wide[3]);
    set(none, 0, 5000, 100000);
    usleep(30000);
    SYS2(timer_gettime, none, &t);
    printf("silent, periodic: %d\n", t.vs == 0 && t.vn > 0 && t.vn < 100000000 && t.in == 100000000);

    /* For a thread. */
    pthread_t p;
    pthread_create(&p, NULL, thread, NULL);
    while (!tid_of_thread)
        usleep(1000);
    on(41, here, 0);
    int own = create(CLOCK_MONOTONIC, 4, 41, 0, tid_of_thread);
    hits = 0;
    set(own, 0, 5000, 0);
    while (!hits)
        usleep(1000);
    printf("on the thread: %d\n", on_thread);
    stop = 1;
    pthread_join(p, NULL);
    set(own, 0, 5000, 5000);
    usleep(30000);
    printf("the thread has ended: %d\n", hits);

    /* CPU time. */
    int cpu = create(CLOCK_PROCESS_CPUTIME_ID, 0, SIGALRM, 3, 0);
    hits = 0;
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    set(cpu, 0, 50000, 0);
    while (!hits)
        ;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    long used = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    printf("CPU time: %d, value %d\n", used >= 49 && used < 2000, last.si_value.sival_int);
    on(SIGVTALRM, handler, 0);
    on(SIGPROF, handler, 0);
    struct itimerval v = {{0, 0}, {0, 30000}}, was;
    show("no interval timer", SYS3(setitimer, 3, &v, 0));
    for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
        hits = 0;
        show("interval timer", setitimer(which, &v, NULL));
        show("what is left", getitimer(which, &was));
        printf("%d\n", was.it_value.tv_sec == 0 && was.it_value.tv_usec > 0 && was.it_value.tv_usec <= 34000);
        while (!hits)
            ;
        printf("signal %d code %d\n", last.si_signo, last.si_code);
    }

    /* Lifetimes. */
    set(first, 0, 5000000, 0);
    int pid = fork();
    if (pid == 0) {
        show("a child has none", SYS2(timer_gettime, first, &t));
        int mine = create(CLOCK_MONOTONIC, 0, SIGUSR1, 0, 0);
        printf("its own: %d\n", mine);
        alarm(100);
        execl("/proc/self/exe", "timers", "again", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    SYS2(timer_gettime, first, &t);
    printf("the parent's goes on: %d\n", t.vs > 0);
    return 0;
}
