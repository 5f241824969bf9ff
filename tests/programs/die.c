/* Ways to die: `die HOW`. The shell's status says which signal, or the exit code. */
#include "common.h"
#include <sys/resource.h>
__attribute__((noinline)) static int deep(int n) { volatile char room[4000]; room[0] = (char)n; return deep(n + 1) + room[0]; }
static void again(int n, siginfo_t *i, void *u) { (void)n; (void)i; (void)u; *(volatile int *)16 = 1; }
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    struct rlimit none = {0, 0}; setrlimit(RLIMIT_CORE, &none);
    puts(how);
    if (!strcmp(how, "null")) *(volatile int *)0 = 1;
    if (!strcmp(how, "overflow")) return deep(0);
    if (!strcmp(how, "jump")) ((void (*)(void))0x12345678)();
    if (!strcmp(how, "jump-to-null")) ((void (*)(void))0)();
    if (!strcmp(how, "jump-to-data")) { static unsigned char ret[] = {0xc3}; ((void (*)(void))ret)(); }
    if (!strcmp(how, "jump-to-the-top")) ((void (*)(void))0xfffffff0)();
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "trap")) __builtin_trap();
    if (!strcmp(how, "divide")) { volatile int zero = 0; return 100 / zero; }
    if (!strcmp(how, "kill")) kill(getpid(), SIGKILL);
    if (!strcmp(how, "term")) raise(SIGTERM);
    if (!strcmp(how, "rt")) raise(SIGRTMIN + 3);
    if (!strcmp(how, "exit")) exit(200);
    if (!strcmp(how, "exit-257")) _exit(257);
    if (!strcmp(how, "exit-group")) SYS1(exit_group, 12);
    if (!strcmp(how, "exit-thread")) SYS1(exit, 13);
    if (!strcmp(how, "wild-stack")) __asm__ volatile("mov $16, %esp; push %eax");
    if (!strcmp(how, "wild-stack-handler")) { on(SIGSEGV, again, 0); __asm__ volatile("mov $16, %esp; push %eax"); }
    if (!strcmp(how, "handler-faults")) { on(SIGSEGV, again, 0); *(volatile int *)16 = 1; }
    if (!strcmp(how, "ignored-fault")) { signal(SIGSEGV, SIG_IGN); *(volatile int *)16 = 1; }
    if (!strcmp(how, "blocked-fault")) { sigset_t s; sigfillset(&s); sigprocmask(SIG_SETMASK, &s, NULL); *(volatile int *)16 = 1; }
    if (!strcmp(how, "unmap-own-code")) sys(SYS_munmap, (long)main & ~4095, 0x4000, 0, 0, 0, 0);
    if (!strcmp(how, "unmap-everything")) sys(SYS_munmap, 0x8048000 & ~4095, 0x70000000, 0, 0, 0, 0);
    if (!strcmp(how, "unmap-stack")) sys(SYS_munmap, (long)&how & ~4095, 0x1000, 0, 0, 0, 0);
    if (!strcmp(how, "forbid-own-code")) sys(SYS_mprotect, (long)main & ~4095, 0x1000, PROT_NONE, 0, 0, 0);
    if (!strcmp(how, "sigreturn")) __asm__ volatile("mov $0x1000, %esp; mov $173, %eax; int $0x80");
    return 99;
}
