/* Faults as signals: number, code and address; the registers in the context, and changing them. */
#include "common.h"
#include <setjmp.h>
uint32_t saved;
static char alternate[65536];
static void tell(int n, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    greg_t *r = u->uc_mcontext.gregs;
    printf("  %s code %d trap %d", sigabbrev_np(n), i->si_code, r[REG_TRAPNO]);
    if (n == SIGSEGV) printf(" address %#x", (uint32_t)i->si_addr);
    /* Bit 0 of a page fault's code says whether the page was present: that depends on what touched it before. */
    if (r[REG_TRAPNO] == 14) printf(" error %#x cr2 %#lx", r[REG_ERR] & ~1, u->uc_mcontext.cr2);
    if (r[REG_TRAPNO] == 13) printf(" error %#x", r[REG_ERR]);
    if (n == SIGFPE || n == SIGILL) printf(" address is eip: %d", (uint32_t)i->si_addr == (uint32_t)r[REG_EIP]);
    printf("\n");
    printf("  ecx %#x edx %#x esi %#x edi %#x\n", r[REG_ECX], r[REG_EDX], r[REG_ESI], r[REG_EDI]);
    r[REG_EIP] = r[REG_EBX]; /* where the test wants to go on */
    r[REG_EAX] = 0x600d;
}
/* Runs one instruction with known registers; the handler resumes at the label in EBX, with EAX changed. */
#define TRY(text, code)                                                                                              \
    do {                                                                                                             \
        uint32_t a = 0x1000, c = 0xc0c0, d = 0xd0d0;                                                                 \
        printf("%s\n", text);                                                                                        \
        __asm__ volatile("mov $1f, %%ebx\n\t" code "\n1:" : "+a"(a), "+c"(c), "+d"(d) : "S"(0x51), "D"(0xd1) : "ebx", "memory", "cc"); \
        printf("  after: eax %#x ecx %#x edx %#x\n", a, c, d);                                                       \
    } while (0)
static int in_flags(void) { int v; __asm__ volatile("pushf; pop %0" : "=r"(v)); return v; }
static void step(int n, siginfo_t *i, void *context) {
    static int steps;
    ucontext_t *u = context; (void)n;
    printf("  SIGTRAP code %d trap %d\n", i->si_code, u->uc_mcontext.gregs[REG_TRAPNO]);
    if (++steps == 3) u->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}
int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    static const int all[] = {SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
    for (int i = 0; i < 5; i++) on(all[i], tell, SA_ONSTACK);
    TRY("read an unmapped page", "mov 0x1000, %%eax");
    TRY("read at the null pointer", "mov 0, %%eax");
    TRY("write an unmapped page", "movl $1, 0x1234");
    TRY("read at the top", "mov 0xfffffffc, %%eax");
    TRY("add to an unmapped word", "add %%ecx, 0x2000");
    TRY("push with a wild stack", "mov %%esp, saved\n\tmov $2f, %%ebx\n\tmov $0x3000, %%esp\n\tpush %%eax\n2:\tmov saved, %%esp");
    TRY("divide by zero", "xor %%ecx, %%ecx\n\tmov $0xc0c0, %%edx\n\tdiv %%ecx");
    TRY("quotient too large", "mov $1, %%ecx\n\tmov $5, %%edx\n\tdiv %%ecx");
    TRY("idiv of the least number", "mov $0x80000000, %%eax\n\tcdq\n\tmov $-1, %%ecx\n\tidiv %%ecx");
    TRY("ud2", "ud2");
    TRY("hlt", "hlt");
    TRY("cli", "cli");
    TRY("in", "in $0x60, %%al");
    TRY("int3", "int3");
    TRY("int $0x7f", "int $0x7f");
    TRY("aam 0", ".byte 0xd4, 0");
    TRY("bound", ".pushsection .data\n9: .long 1, 4\n.popsection\n\tmov $9, %%ecx\n\tbound %%ecx, 9b");
    TRY("movaps misaligned", "movaps 0x8048001, %%xmm0");
    TRY("jump to data", "jmp *%%ebx; ud2");
    char *page = mmap((void *)0x20000000, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mprotect(page + 0x1000, 0x1000, PROT_READ);
    mprotect(page + 0x2000, 0x1000, PROT_NONE);
    TRY("write a read-only page", "movl $1, 0x20001010");
    TRY("read across into a forbidden page", "mov 0x20001ffe, %%eax");
    TRY("write across into a read-only page", "movl $1, 0x20000ffe");
    printf("  nothing of it was written: %d\n", page[0xffe] == 0 && page[0xfff] == 0);
    TRY("string store across, state after", "mov $0x20000ff8, %%edi\n\tmov $8, %%ecx\n\tmov $7, %%eax\n\tcld\n\trep stosl");
    printf("  elements written: %d\n", page[0xff8] == 7 && page[0xffc] == 7);
    int fd = open("faults.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 100);
    mmap((void *)0x21000000, 0x2000, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    TRY("a file's page past its end", "mov 0x21001000, %%eax");
    unlink("faults.tmp");
    puts("single steps");
    on(SIGTRAP, step, 0);
    __asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop; nop; nop; nop; nop" ::: "cc", "memory");
    printf("flags after: TF %d\n", in_flags() >> 8 & 1);
    return 0;
}
