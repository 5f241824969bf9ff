/* Wild jumps and wild pointers that the program survives: what its handler is told, and that all goes on. */
#include "common.h"
#include <setjmp.h>
static sigjmp_buf back;
static uint32_t target;
static void tell(int n, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    printf("  %s code %d, at the target %d, eip is the target %d\n", sigabbrev_np(n), i->si_code, (uint32_t)i->si_addr == target, (uint32_t)u->uc_mcontext.gregs[REG_EIP] == target);
    siglongjmp(back, 1);
}
static void quiet(int n, siginfo_t *i, void *u) { (void)n; (void)i; (void)u; siglongjmp(back, 1); }
static void jump(const char *what, uint32_t to) { target = to; puts(what); if (sigsetjmp(back, 1) == 0) ((void (*)(void))to)(); }
int main(void) {
    on(SIGSEGV, tell, 0); on(SIGILL, tell, 0); on(SIGBUS, tell, 0); on(SIGFPE, tell, 0); on(SIGTRAP, tell, 0);
    jump("to null", 0); jump("to a low page", 0x1234); jump("to nothing", 0x12345678);
    unsigned char *page = mmap((void *)0x24000000, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    page[0] = 0xc3; jump("to data", 0x24000000);
    mprotect(page, 0x3000, PROT_READ | PROT_WRITE | PROT_EXEC); jump("made executable (it returns)", 0x24000000); puts("  it returned");
    mprotect(page, 0x3000, PROT_NONE); jump("to a forbidden page", 0x24000000);
    mprotect(page, 0x3000, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(page + 0x10, "\x0f\x0b", 2); jump("to ud2", 0x24000010);
    memcpy(page + 0x20, "\x0f\xff\xc0", 3); jump("to ud0", 0x24000020);
    memset(page + 0x30, 0x66, 20); page[0x50] = 0x90; jump("to too many prefixes", 0x24000030);
    memcpy(page + 0x60, "\xf0\x01\xc8", 3); jump("to a lock of a register", 0x24000060);
    memcpy(page + 0x70, "\xff\xff", 2); jump("to an undefined group member", 0x24000070);
    /* An instruction that begins on a mapped page and ends on one that is not. */
    munmap(page + 0x2000, 0x1000); page[0x1ffe] = 0xb8; page[0x1fff] = 1;
    target = 0x24002000; puts("across into nothing"); if (sigsetjmp(back, 1) == 0) ((void (*)(void))0x24001ffe)();
    page[0x1ffd] = 0x90; page[0x1ffe] = 0x90; page[0x1fff] = 0x90; puts("running into nothing"); if (sigsetjmp(back, 1) == 0) ((void (*)(void))0x24001ffd)();
    uint32_t seed = 1; int faults = 0;
    on(SIGSEGV, quiet, 0);
    for (int i = 0; i < 300; i++) {
        seed = seed * 1103515245 + 12345;
        /* Between the program and the region that shared libraries and the stack would use: surely nothing. */
        uint32_t at = 0x50000000 + (seed & 0x1fffffff);
        if (sigsetjmp(back, 1) == 0)
            ((void (*)(void))at)();
        else
            faults++;
    }
    printf("random jumps caught: %d\n", faults);
    puts("wild pointers to calls");
    static const uint32_t wild[] = {16, 0x24002000, 0xfffffffc, 0xc0000000 - 4, 0x50000001};
    for (unsigned i = 0; i < 5; i++) { show("  write", SYS3(write, 1, wild[i], 4)); show("  openat", SYS4(openat, AT_FDCWD, wild[i], 0, 0)); show("  uname", SYS1(uname, wild[i])); show("  rt_sigaction", SYS4(rt_sigaction, SIGUSR1, wild[i], 0, 8)); }
    show("read across into nothing", ({ int p[2]; pipe(p); write(p[1], "12345678", 8); SYS3(read, p[0], 0x24001ffe, 8); }));
    show("write across into nothing", ({ int p[2]; pipe(p); SYS3(write, p[1], 0x24001ffe, 8); }));
    return 0;
}
