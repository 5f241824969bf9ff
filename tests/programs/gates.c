/* Calls the library OS's gates from the program, with arguments from nowhere, in every state of the stack. Only for
 * Trunnion: natively the opcode is undefined. Any end is allowed but the host's: `gates SEED`. */
#include "common.h"
#include <setjmp.h>
static sigjmp_buf back;
static void leave(int n, siginfo_t *i, void *u) { (void)n; (void)i; (void)u; siglongjmp(back, 1); }
static uint32_t seed;
static uint32_t number(void) { seed = seed * 1664525 + 1013904223; return seed >> 3 ^ seed << 20; }
static uint32_t argument(void *page) {
    switch (number() % 8) {
    case 0: return 0; case 1: return number() % 64; case 2: return number(); case 3: return (uint32_t)page + number() % 4096;
    case 4: return 0xf8000000 + number() % 0x7ffe000; case 5: return -1u - number() % 16; case 6: return (uint32_t)&back; default: return number() & 0xfffff000;
    }
}
int main(int argc, char **argv) {
    seed = argc > 1 ? atoi(argv[1]) : 1;
    static const int all[] = {SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE, SIGSYS};
    unsigned char *page = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}; sigaltstack(&stack, NULL);
    for (int i = 0; i < 6; i++) on(all[i], leave, SA_ONSTACK | SA_NODEFER);
    alarm(20);
    for (int round = 0; round < 400; round++) {
        unsigned call = number() % 90;
        if (call == 5 || call == 26 || call == 86) continue; /* ProcessExit and ThreadExit would end the test, FamilyStop stop it */
        static const unsigned blocking[] = {8, 9, 28, 39};
        for (unsigned i = 0; i < 4; i++) if (call == blocking[i]) call = 1;
        unsigned char code[] = {0x0f, 0x3f, call & 255, call >> 8, 0xc3};
        memcpy(page + 64, code, 5);
        uint32_t a[6]; for (int i = 0; i < 6; i++) a[i] = argument(page);
        if (sigsetjmp(back, 1)) continue;
        ((int (*)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t))(page + 64))(a[0], a[1], a[2], a[3], a[4], a[5]);
        if (round % 20 == 0) { uint32_t old; __asm__ volatile("mov %%esp, %0; mov %1, %%esp; call *%2; mov %0, %%esp" : "=&r"(old) : "r"(number()), "r"(page + 64) : "eax", "ecx", "edx", "memory"); }
    }
    /* Jumps to where the library OS lives. */
    for (int round = 0; round < 200; round++) if (sigsetjmp(back, 1) == 0) ((void (*)(void))(0xf8000000 + number() % 0x7ffe000))();
    puts("survived");
    return 0;
}
