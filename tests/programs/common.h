/* Shared by the end-to-end programs: system calls as the kernel answers them, and their results by name.
 *
 * The programs print nothing that may differ from run to run (no pids, no addresses, no times): what they print
 * natively is what they must print through Trunnion, byte for byte. */
#ifndef COMMON_H
#define COMMON_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Calls of 64-bit time that the C library's headers know by number only. */
#define SYS_clock_gettime64_ 403
#define SYS_clock_nanosleep64_ 407
#define SYS_utimensat64_ 412

/* One system call through int 0x80, with the kernel's own result: -errno on failure. */
static inline long sys(long number, long a, long b, long c, long d, long e, long f) {
    long result, pair[2] = {number, f};
    /* EBP cannot be named as an operand: the sixth argument goes in by hand. */
    __asm__ volatile("push %%ebp\n\tmov 4(%%eax), %%ebp\n\tmov (%%eax), %%eax\n\tint $0x80\n\tpop %%ebp"
                     : "=a"(result)
                     : "0"(pair), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}
#define SYS0(n) sys(SYS_##n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) sys(SYS_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) sys(SYS_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) sys(SYS_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) sys(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e) sys(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f) sys(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static const char *errno_name(long result) {
    const char *name = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
    return name ? name : "?";
}

/* Prints a raw result: the number, or the error's name. */
static inline long show(const char *what, long result) {
    if (result < 0 && result > -4096)
        printf("%s: -%s\n", what, errno_name(result));
    else
        printf("%s: %ld\n", what, result);
    return result;
}

/* Prints only whether it succeeded, where the number itself may differ. */
static inline long worked(const char *what, long result) {
    if (result < 0 && result > -4096)
        printf("%s: -%s\n", what, errno_name(result));
    else
        printf("%s: ok\n", what);
    return result;
}

static inline void show_status(const char *what, int status) {
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %s\n", what, sigabbrev_np(WTERMSIG(status)));
    else
        printf("%s: status %#x\n", what, status);
}

static inline void on(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) != 0)
        perror("sigaction");
}

/* Output that must be in order around a fork. */
__attribute__((constructor)) static void unbuffered(void) { setvbuf(stdout, NULL, _IONBF, 0); }
#endif
