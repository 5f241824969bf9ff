/* sigaltstack: handlers on it, nesting, what it refuses, and surviving the overflow of the main stack. */
#include "common.h"
#include <setjmp.h>
static char alternate[65536];
static sigjmp_buf back;
static int on_it(void) { char here; return &here >= alternate && &here < alternate + sizeof alternate; }
static void where(int n, siginfo_t *i, void *u) {
    (void)i; (void)u;
    stack_t now; sigaltstack(NULL, &now);
    printf("  %s: on the alternate stack %d, SS_ONSTACK %d\n", sigabbrev_np(n), on_it(), !!(now.ss_flags & SS_ONSTACK));
    if (n == SIGUSR1) {
        stack_t other = {.ss_sp = alternate, .ss_size = sizeof alternate};
        show("  sigaltstack while on it", sigaltstack(&other, NULL) < 0 ? -errno : 0);
        raise(SIGUSR2);
    }
}
static void overflow(int n, siginfo_t *i, void *u) { (void)u; printf("  overflow caught: %s, code %d, on the alternate stack %d\n", sigabbrev_np(n), i->si_code, on_it()); siglongjmp(back, 1); }
__attribute__((noinline)) static int deep(int n) { volatile char room[4000]; room[0] = (char)n; room[3999] = 1; return deep(n + 1) + room[0]; }
__attribute__((noinline)) static int measured(int n) { volatile char room[1000]; room[0] = 1; return n == 0 ? 0 : measured(n - 1) + room[0]; }
int main(void) {
    stack_t set = {.ss_sp = alternate, .ss_size = sizeof alternate}, got;
    sigaltstack(NULL, &got); printf("at first: flags %d\n", got.ss_flags);
    stack_t small = {.ss_sp = alternate, .ss_size = 100};
    show("too small", sigaltstack(&small, NULL) < 0 ? -errno : 0);
    stack_t wrong = {.ss_sp = alternate, .ss_size = sizeof alternate, .ss_flags = 77};
    show("wrong flags", sigaltstack(&wrong, NULL) < 0 ? -errno : 0);
    show("set", sigaltstack(&set, &got));
    sigaltstack(NULL, &got); printf("reads back: %d %d %d\n", got.ss_sp == alternate, (int)got.ss_size, got.ss_flags);
    on(SIGUSR1, where, SA_ONSTACK); on(SIGUSR2, where, SA_ONSTACK);
    raise(SIGUSR1);
    on(SIGUSR2, where, 0); raise(SIGUSR2);
    on(SIGSEGV, overflow, SA_ONSTACK);
    for (int i = 0; i < 2; i++) if (sigsetjmp(back, 1) == 0) printf("%d\n", deep(0));
    printf("six megabytes deep: %d\n", measured(6000));
    set.ss_flags = SS_DISABLE; show("disable", sigaltstack(&set, NULL));
    sigaltstack(NULL, &got); printf("SS_DISABLE %d\n", !!(got.ss_flags & SS_DISABLE));
    return 0;
}
