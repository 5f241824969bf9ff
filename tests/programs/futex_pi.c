/* Mutexes with priority inheritance, also robust and between processes; and the operations below them. */
#include "common.h"
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

static long operate(unsigned *word, int operation, const struct timespec *until) {
    return SYS6(futex, word, operation, 0, until, 0, 0);
}
static pthread_mutex_t mutex, *shared;
static int count;
static void *counts(void *unused) {
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&mutex);
        count++;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}
static unsigned word;
static void *locks(void *unused) {
    show("trylock of another's", operate(&word, FUTEX_TRYLOCK_PI, NULL));
    show("unlock of another's", operate(&word, FUTEX_UNLOCK_PI, NULL));
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000) { soon.tv_nsec -= 1000000000; soon.tv_sec++; }
    show("lock with a limit", operate(&word, FUTEX_LOCK_PI, &soon));
    printf("marked: %d\n", word >> 31);
    show("lock", operate(&word, FUTEX_LOCK_PI, NULL));
    printf("mine: %d\n", (word & FUTEX_TID_MASK) == (unsigned)SYS0(gettid));
    show("unlock", operate(&word, FUTEX_UNLOCK_PI, NULL));
    return unused;
}

int main(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    show("inherits", -pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT));
    show("init", -pthread_mutex_init(&mutex, &kind));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, counts, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("counted %d\n", count);

    show("unlock of nobody's", operate(&word, FUTEX_UNLOCK_PI, NULL));
    show("lock", operate(&word, FUTEX_LOCK_PI, NULL));
    printf("the word is my number: %d\n", word == (unsigned)SYS0(gettid));
    show("lock again", operate(&word, FUTEX_LOCK_PI, NULL));
    pthread_create(&threads[0], NULL, locks, NULL);
    usleep(200000);
    long given_back = operate(&word, FUTEX_UNLOCK_PI, NULL);
    pthread_join(threads[0], NULL);
    show("unlock", given_back);
    word = 0x3ffffff0;
    show("an owner that is nobody", operate(&word, FUTEX_LOCK_PI, NULL));
    show("a bad address", operate((unsigned *)16, FUTEX_LOCK_PI, NULL));

    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(shared, &kind);
    if (fork() == 0) { pthread_mutex_lock(shared); _exit(0); }
    wait(NULL);
    show("its owner died", -pthread_mutex_lock(shared));
    show("made consistent", -pthread_mutex_consistent(shared));
    pid_t child = fork();
    if (child == 0) { _exit(pthread_mutex_lock(shared)); }
    usleep(50000);
    show("unlock", -pthread_mutex_unlock(shared));
    int status;
    waitpid(child, &status, 0);
    show_status("the child had it", status);
    show("whose owner died", -pthread_mutex_lock(shared));
    return 0;
}
