/* Threads: what they share, how they end, whom signals reach, and processes made by one of several. */
#include "common.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
extern char **environ;
static char *self = "/proc/self/exe";

static void *start(void *(*work)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument)) abort();
    return (void *)thread;
}
static long joined(void *thread) {
    void *result;
    pthread_join((pthread_t)thread, &result);
    return (long)result;
}
static int tid(void) { return (int)syscall(SYS_gettid); }
static void *naps(void *unused) { for (;;) pause(); return unused; }

/* Memory, locks, thread-local variables, condition variables. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int sum, turn;
static __thread int mine;
static void *counts(void *unused) {
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&mutex);
        sum++;
        pthread_mutex_unlock(&mutex);
        mine++;
    }
    return (void *)(long)mine + (long)unused;
}
static void *alternates(void *me) {
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != (long)me) pthread_cond_wait(&changed, &mutex);
        turn = !turn;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static int share(void) {
    void *threads[4];
    long all = 0;
    for (int i = 0; i < 4; i++) threads[i] = start(counts, NULL);
    for (int i = 0; i < 4; i++) all += joined(threads[i]);
    for (long i = 0; i < 2; i++) threads[i] = start(alternates, (void *)i);
    for (int i = 0; i < 2; i++) joined(threads[i]);
    printf("shared %d, own %ld, turn %d\n", sum, all, turn);
    return 0;
}
static void *adds(void *number) { __sync_fetch_and_add((int *)number, 1); return NULL; }
static int many(void) {
    int number = 0;
    for (int round = 0; round < 3; round++) {
        void *threads[50];
        for (int i = 0; i < 50; i++) threads[i] = start(adds, &number);
        for (int i = 0; i < 50; i++) joined(threads[i]);
    }
    printf("%d threads\n", number);
    return 0;
}

/* Ends. */
static void *executes(void *unused) { execl(self, "threads", "executed", NULL); return unused; }
static int executes_program(void) {
    for (int i = 0; i < 5; i++) start(naps, NULL);
    start(executes, NULL);
    naps(NULL);
    return 0;
}
static void *ends_last(void *unused) { usleep(20000); puts("the last thread ends"); return unused; }
static int first_ends_first(void) { start(ends_last, NULL); pthread_exit(NULL); }
static void *leaves(void *unused) { usleep(10000); exit(42); return unused; }
static int one_leaves_for_all(void) {
    for (int i = 0; i < 5; i++) start(naps, NULL);
    start(leaves, NULL);
    naps(NULL);
    return 0;
}
static int killed(void) {
    for (int i = 0; i < 3; i++) start(naps, NULL);
    kill(getpid(), SIGTERM);
    naps(NULL);
    return 0;
}
static int cancelled(void) {
    void *thread = start(naps, NULL);
    pthread_cancel((pthread_t)thread);
    return joined(thread) == (long)PTHREAD_CANCELED ? 11 : 12;
}
static pthread_mutex_t robust;
static void *dies_with_it(void *unused) { pthread_mutex_lock(&robust); return unused; }
static int owner_dies(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    joined(start(dies_with_it, NULL));
    int error = pthread_mutex_lock(&robust);
    printf("robust: %s\n", error == EOWNERDEAD ? "its owner died" : strerror(error));
    return 0;
}

/* All threads end the process at once, in three ways: it ends once, and its number is not another's yet. */
static pthread_barrier_t together;
static void *aborts(void *way) {
    pthread_barrier_wait(&together);
    if ((long)way == 0) abort();
    if ((long)way == 1) kill(getpid(), SIGKILL);
    _exit(7);
}
static int all_end_at_once(void) {
    int ends[3] = {0};
    for (int round = 0; round < 60; round++) {
        int status = 0;
        long way = round % 3;
        pid_t child = fork();
        if (child == 0) {
            pthread_barrier_init(&together, NULL, 4);
            for (int i = 0; i < 3; i++) start(aborts, (void *)way);
            aborts((void *)way);
        }
        if (waitpid(child, &status, 0) != child) return 1;
        if (way == 2 ? WIFEXITED(status) && WEXITSTATUS(status) == 7
                     : WIFSIGNALED(status) && WTERMSIG(status) == (way ? SIGKILL : SIGABRT))
            ends[way]++;
    }
    printf("aborted %d, killed %d, left %d\n", ends[0], ends[1], ends[2]);
    return waitpid(-1, NULL, 0) == -1 ? 0 : 2;
}

/* Signals. */
static volatile int taken, ready, taker;
static void take(int number) { (void)number; taker = tid(); taken++; }
static void *takes(void *own) {
    sigset_t none;
    sigemptyset(&none);
    *(volatile int *)own = tid();
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    ready = 1;
    while (taken < 20) usleep(1000);
    return NULL;
}
/* A signal for the process is taken by the thread that does not block it; one for a thread by that thread. */
static int takes_signals(void) {
    sigset_t all;
    volatile int other = 0;
    int right = 0;
    signal(SIGUSR1, take);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    void *thread = start(takes, (void *)&other);
    while (!ready) sched_yield();
    while (taken < 20) {
        int before = taken;
        if (before % 2) kill(getpid(), SIGUSR1);
        else pthread_kill((pthread_t)thread, SIGUSR1);
        while (taken == before) sched_yield();
        right += taker == other;
    }
    joined(thread);
    printf("%d of %d taken by the other thread\n", right, taken);
    return 0;
}
/* A process stops and continues as a whole. */
static volatile int beats;
static void *beat(void *unused) { for (;;) { beats++; usleep(1000); } return unused; }
static int stops(void) {
    start(beat, NULL);
    raise(SIGSTOP);
    int before = beats;
    while (beats < before + 3) usleep(1000);
    return 5;
}

/* Processes. */
static void *forks(void *unused) {
    for (int i = 0; i < 8; i++) {
        pid_t child = fork();
        int status = -1;
        if (child == 0) {
            char *some = malloc(1000);
            some[0] = 1;
            free(some);
            _exit(i);
        }
        if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != i) return (void *)1;
    }
    return unused;
}
static void *allocates(void *unused) {
    for (int i = 0; i < 3000; i++) {
        char *some = malloc(100 + i % 4000);
        some[0] = 1;
        free(some);
    }
    return unused;
}
static void *spawns(void *unused) {
    for (int i = 0; i < 4; i++) {
        pid_t child;
        int status = -1;
        char *arguments[] = {"threads", "silent", NULL};
        if (posix_spawn(&child, self, NULL, NULL, arguments, environ)) return (void *)1;
        if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 6) return (void *)2;
        if (posix_spawn(&child, "/none", NULL, NULL, arguments, environ) != ENOENT) return (void *)3;
    }
    return unused;
}
static int makes_processes(void *(*work)(void *)) {
    void *threads[5];
    long bad = 0;
    for (int i = 0; i < 5; i++) threads[i] = start(i < 3 ? work : allocates, NULL);
    for (int i = 0; i < 5; i++) bad += joined(threads[i]);
    return (int)bad;
}
static int fork_from_threads(void) { return makes_processes(forks); }
static int spawn_from_threads(void) { return makes_processes(spawns); }
static void *numbers(void *leader) {
    printf("another number: %d; the same process: %d; tgkill %d %d\n", tid() != (long)leader,
           getpid() == (long)leader, (int)syscall(SYS_tgkill, getpid(), tid(), 0),
           (int)syscall(SYS_tgkill, tid(), tid(), 0));
    return NULL;
}
static int ids(void) {
    joined(start(numbers, (void *)(long)getpid()));
    printf("the first has the process's number: %d\n", getpid() == tid());
    return 0;
}

static void try(const char *name, int (*what)(void)) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int code = what();
        fflush(stdout);
        _exit(code);
    }
    while (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
        printf("stopped by %d\n", WSTOPSIG(status));
        fflush(stdout);
        kill(child, SIGCONT);
    }
    printf("%s: %s %d\n", name, WIFEXITED(status) ? "exit" : "signal",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}
#define TRY(what) try(#what, what)

int main(int count, char **arguments) {
    if (count > 1) {
        if (!strcmp(arguments[1], "silent")) return 6;
        puts(arguments[1]);
        return 33;
    }
    TRY(share);
    TRY(many);
    TRY(ids);
    TRY(executes_program);
    TRY(first_ends_first);
    TRY(one_leaves_for_all);
    TRY(killed);
    TRY(cancelled);
    TRY(owner_dies);
    TRY(all_end_at_once);
    TRY(takes_signals);
    TRY(stops);
    TRY(fork_from_threads);
    TRY(spawn_from_threads);
    return 0;
}
