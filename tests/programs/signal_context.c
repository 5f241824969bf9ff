/* Compiled without SSE: the XMM registers below are nobody else's.
 *
 * What a handler may rely on: the frame, FP state kept, sigreturn, nesting, leaving with siglongjmp. */
#include "common.h"
#include <setjmp.h>
static volatile double sink;
static sigjmp_buf back;
static void spoil(int n, siginfo_t *i, void *u) {
    (void)n; (void)i; (void)u;
    volatile double x = 3.25; sink = x * 7;
    __asm__ volatile("fninit; fldpi; fldl2e; pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7" :::"memory");
    uint32_t mxcsr = 0x1f80 | 0x6000; __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}
static void edit(int n, siginfo_t *i, void *context) {
    (void)n; (void)i;
    ucontext_t *u = context;
    u->uc_mcontext.gregs[REG_EDX] = 0xabcdef;
    u->uc_mcontext.gregs[REG_EFL] |= 1;
    sigaddset(&u->uc_sigmask, SIGHUP);
}
static void entry_state(int n, siginfo_t *i, void *context) {
    (void)context; (void)i;
    uint32_t flags; __asm__ volatile("pushf; pop %0" : "=r"(flags));
    uint32_t frame = (uint32_t)__builtin_frame_address(0);
    printf("handler: signal %d, DF %u, (frame + 4) %% 16 = %u\n", n, flags >> 10 & 1, (frame + 4 + 4) % 16);
}
static void leave(int n, siginfo_t *i, void *u) { (void)i; (void)u; siglongjmp(back, n); }
uint32_t regs[8];
int main(void) {
    on(SIGUSR1, spoil, 0);
    double a = 0, b = 0;
    uint32_t x0[4], x7[4], seed[4] = {1, 2, 3, 4}, mxcsr;
    pid_t pid = getpid();
    __asm__ volatile("fninit; fld1; fldpi; movups %[seed], %%xmm0; movups %[seed], %%xmm7; pslldq $4, %%xmm7\n\t"
                     "mov $37, %%eax; mov %[pid], %%ebx; mov $10, %%ecx; int $0x80\n\t"
                     "fstpl %[a]; fstpl %[b]; movups %%xmm0, %[x0]; movups %%xmm7, %[x7]; stmxcsr %[mx]"
                     : [a] "=m"(a), [b] "=m"(b), [x0] "=m"(x0), [x7] "=m"(x7), [mx] "=m"(mxcsr)
                     : [seed] "m"(seed), [pid] "g"(pid) : "eax", "ebx", "ecx", "memory");
    printf("x87 kept: %.10f %.1f\n", a, b);
    printf("sse kept: %u %u %u %u / %u %u %u %u, mxcsr %x\n", x0[0], x0[1], x0[2], x0[3], x7[0], x7[1], x7[2], x7[3], mxcsr);

    on(SIGUSR1, edit, 0);
    __asm__ volatile("push %%ebp; mov $1, %%ecx; mov %[pid], %%ebx; mov $10, %%ecx; mov $0x2222, %%edx; mov $0x3333, %%esi; mov $0x4444, %%edi; mov $0x5555, %%ebp\n\t"
                     "clc; mov $37, %%eax; int $0x80\n\t"
                     "mov %%eax, regs; mov %%ecx, regs+4; mov %%edx, regs+8; mov %%esi, regs+12; mov %%edi, regs+16; mov %%ebp, regs+20; setc regs+24; pop %%ebp"
                     :: [pid] "a"(pid) : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    sigset_t mask; sigprocmask(SIG_BLOCK, NULL, &mask);
    printf("after: eax %u ecx %u edx %x esi %x edi %x ebp %x CF %u, SIGHUP blocked %d\n", regs[0], regs[1], regs[2], regs[3], regs[4], regs[5], regs[6] & 1, sigismember(&mask, SIGHUP));

    on(SIGUSR2, entry_state, 0);
    __asm__ volatile("std; mov $37, %%eax; mov %[pid], %%ebx; mov $12, %%ecx; int $0x80; pushf; pop %%edx; cld; mov %%edx, regs" :: [pid] "g"(pid) : "eax", "ebx", "ecx", "edx", "memory", "cc");
    printf("DF is back: %u\n", regs[0] >> 10 & 1);
    struct sigaction plain = {.sa_handler = (void (*)(int))entry_state};
    sigaction(SIGUSR2, &plain, NULL);
    raise(SIGUSR2);

    on(SIGSEGV, leave, 0);
    for (int i = 0; i < 3; i++) {
        int n = sigsetjmp(back, 1);
        if (n == 0) *(volatile int *)(16 + i) = 1;
        printf("left the handler: %s\n", sigabbrev_np(n));
    }
    on(SIGSEGV, leave, SA_NODEFER);
    if (sigsetjmp(back, 0) == 0) *(volatile int *)16 = 1;
    puts("and once more without the mask");
    return 0;
}
