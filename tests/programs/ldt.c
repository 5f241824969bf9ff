/* The local descriptor table: modify_ldt and its errors, segments of every kind, faults, fork, exec, signals. */
#include "common.h"
#include <asm/ldt.h>
#include <setjmp.h>
#include <sys/time.h>

#define SELECTOR(n) ((n) * 8 + 7)

static uint32_t block[0x5000] __attribute__((aligned(4096)));
static sigjmp_buf back;

static void faulted(int number, siginfo_t *info, void *context) {
    ucontext_t *u = context;
    unsigned error = u->uc_mcontext.gregs[REG_ERR], trap = u->uc_mcontext.gregs[REG_TRAPNO];
    printf("  %s, code %d, vector %u, error %#x, cs %x, ss %x\n", sigabbrev_np(number), info->si_code, trap, error,
           (unsigned)u->uc_mcontext.gregs[REG_CS] & 0xffff, (unsigned)u->uc_mcontext.gregs[REG_SS] & 0xffff);
    siglongjmp(back, 1);
}

static long set(int function, unsigned n, unsigned base, unsigned limit, unsigned flags) {
    unsigned d[4] = {n, base, limit, flags};
    return SYS3(modify_ldt, function, d, sizeof d);
}

static void entry(const char *what, int function, unsigned n, unsigned base, unsigned limit, unsigned flags) {
    uint64_t all[64] = {0};
    long result = set(function, n, base, limit, flags);
    long got = SYS3(modify_ldt, 0, all, sizeof all);
    printf("%s, flags %02x: %ld; read %ld: %016llx\n", what, flags, result, got, n < 64 ? (unsigned long long)all[n] : 0);
}

static uint32_t load_fs(unsigned selector, uint32_t offset) {
    uint32_t value;
    __asm__ volatile("push %%fs; mov %1, %%fs; mov %%fs:(%2), %0; pop %%fs" : "=&r"(value) : "r"(selector), "r"(offset));
    return value;
}

static void store_es(unsigned selector, uint32_t offset, uint32_t value) {
    __asm__ volatile("push %%es; mov %0, %%es; mov %2, %%es:(%1); pop %%es" : : "r"(selector), "r"(offset), "r"(value) : "memory");
}

static void look(const char *what, unsigned selector) {
    unsigned rights = 0, limit = 0;
    unsigned char lar, lsl, verr, verw;
    __asm__("lar %2, %0; setz %1" : "+r"(rights), "=q"(lar) : "r"(selector) : "cc");
    __asm__("lsl %2, %0; setz %1" : "+r"(limit), "=q"(lsl) : "r"(selector) : "cc");
    __asm__("verr %w1; setz %0" : "=q"(verr) : "r"(selector) : "cc");
    __asm__("verw %w1; setz %0" : "=q"(verw) : "r"(selector) : "cc");
    printf("%s: lar %d %08x, lsl %d %08x, verr %d, verw %d\n", what, lar, rights, lsl, limit, verr, verw);
}

#define TRY(what, code) do { printf("%s\n", what); if (sigsetjmp(back, 1) == 0) { code; } } while (0)

/* Pushes and pops on another stack segment; prints what ESP became, and what was stored. */
static void with_stack(unsigned selector, uint32_t esp) {
    uint32_t after, old_ss, old_esp, popped;
    __asm__ volatile("mov %%ss, %1; mov %%esp, %2; mov %4, %%ss; mov %5, %%esp; push $0x1234; push $0x5678; mov %%esp, %0;"
                     "pop %3; mov %1, %%ss; mov %2, %%esp"
                     : "=&r"(after), "=&r"(old_ss), "=&r"(old_esp), "=&r"(popped) : "r"(selector), "r"(esp) : "memory");
    printf("  esp %x, popped %x\n", after, popped);
}

static uint32_t far_call(unsigned selector, uint32_t offset) {
    struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) to = {offset, selector};
    uint32_t result;
    __asm__ volatile("lcall *%1" : "=a"(result) : "m"(to) : "memory", "ecx", "edx", "cc");
    return result;
}

static volatile int alarms;
static void rings(int number, siginfo_t *info, void *context) { (void)number, (void)info, (void)context; alarms++; }

int main(int argc, char **argv) {
    uint8_t bytes[256];
    memset(bytes, 0xee, sizeof bytes);
    show("read before anything", SYS3(modify_ldt, 0, bytes, sizeof bytes));
    if (argc > 1) return 0;
    show("the default table", SYS3(modify_ldt, 2, bytes, sizeof bytes));
    printf("its last byte %x, the one behind %x\n", bytes[127], bytes[128]);
    show("five bytes of it", SYS3(modify_ldt, 2, bytes, 5));
    show("no such function", SYS3(modify_ldt, 3, bytes, 16));
    show("a wrong size", SYS3(modify_ldt, 1, bytes, 15));
    show("a wild pointer", SYS3(modify_ldt, 0x11, 16, 16));
    show("an entry beyond the end", set(0x11, 8192, 0, 0, 0x51));
    for (int function = 1; function <= 0x11; function += 0x10)
        for (unsigned contents = 0; contents < 4; contents++)
            for (unsigned more = 0; more < 4; more++)
                entry("entry 9", function, 9, 0x12345678, 0x1ffff, contents << 1 | (more & 1) * 0x49 | (more & 2) << 4);
    entry("base and limit 0", 1, 9, 0, 0, 0);
    entry("base and limit 0", 0x11, 9, 0, 0, 0);
    entry("empty", 0x11, 9, 0, 0, 0x28);
    show("a read to a wild pointer", SYS3(modify_ldt, 0, 16, 64));
    show("a long read", SYS3(modify_ldt, 0, 16, 0));

    for (unsigned i = 0; i < 1024; i++) block[i] = i;
    unsigned base = (unsigned)block;
    set(0x11, 1, base, 0xfff, 0x41);          /* data, 4 KiB */
    set(0x11, 2, base, 0x7ff, 0x43);          /* data, expand down */
    set(0x11, 3, base, 0xfff, 0x49);          /* data, read-only */
    set(0x11, 4, base, 0xfff, 0x61);          /* not present */
    set(0x11, 5, 0, 0xfffff, 0x55);           /* code, flat */
    set(0x11, 6, 0, 0xfffff, 0x5d);           /* code, flat, execute-only */
    set(0x11, 7, base, 0xffff, 0x40);         /* a stack of 16 bits */
    set(0x11, 8, 0, 0x1000, 0x55);            /* code with a limit */
    set(0x11, 10, base, 0xfff, 0x45);         /* code with a base */
    set(0x11, 11, base, 0xfff, 0x44);         /* code of 16 bits */
    for (unsigned n = 0; n < 13; n++) { char name[16]; sprintf(name, "entry %u", n); look(name, SELECTOR(n)); }
    look("null", 0); look("code", 0x23); look("data", 0x2b); look("kernel", 0x10);

    static char other[65536];
    sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof other}, NULL);
    int numbers[] = {SIGSEGV, SIGBUS, SIGILL};
    for (int i = 0; i < 3; i++) on(numbers[i], faulted, SA_ONSTACK);
    printf("through FS: %x\n", load_fs(SELECTOR(1), 40));
    TRY("at the limit", printf("  %x\n", load_fs(SELECTOR(1), 0xffc)));
    TRY("over the limit", printf("  %x\n", load_fs(SELECTOR(1), 0xffd)));
    TRY("expand down, above its limit", printf("  %x\n", load_fs(SELECTOR(2), 0x800)));
    TRY("expand down, below", printf("  %x\n", load_fs(SELECTOR(2), 0x7fd)));
    TRY("reading what is read-only", printf("  %x\n", load_fs(SELECTOR(3), 0x10)));
    TRY("writing it", store_es(SELECTOR(3), 0x10, 1));
    TRY("not present", load_fs(SELECTOR(4), 0));
    TRY("an empty entry", load_fs(SELECTOR(12), 0));
    TRY("beyond the table", load_fs(SELECTOR(8191), 0));
    TRY("reading code", printf("  %x\n", load_fs(SELECTOR(5), base + 12)));
    TRY("reading execute-only code", load_fs(SELECTOR(6), base + 12));
    TRY("writing code", store_es(SELECTOR(5), base, 1));
    TRY("another privilege", __asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR(7) & ~3)));
    TRY("a stack that is not present", __asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR(4))));
    TRY("a stack of 16 bits", with_stack(SELECTOR(7), 0x76540ff0));
    TRY("a stack of 16 bits that wraps", with_stack(SELECTOR(7), 0x76540004));

    /* mov eax, cs; retf */
    static const uint8_t tell[] = {0x8c, 0xc8, 0xcb};
    memcpy(block, tell, sizeof tell);
    mprotect(block, sizeof block, PROT_READ | PROT_WRITE | PROT_EXEC);
    TRY("flat code", printf("  %x\n", far_call(SELECTOR(5), base)));
    TRY("execute-only code", printf("  %x\n", far_call(SELECTOR(6), base)));
    TRY("with a limit", printf("  %x\n", far_call(SELECTOR(8), base)));
    TRY("with a base", printf("  %x\n", far_call(SELECTOR(10), 0)));
    TRY("to data", far_call(SELECTOR(1), 0));
    TRY("to nothing", far_call(SELECTOR(12), 0));
    TRY("to null", far_call(0, 0));
    /* 16-bit code: mov ax, cs; mov bx, 3; add ax, bx; o32 retf */
    static const uint8_t small[] = {0x53, 0x8c, 0xc8, 0xbb, 3, 0, 0x01, 0xd8, 0x5b, 0x66, 0xcb};
    memcpy(block, small, sizeof small);
    TRY("code of 16 bits", printf("  %x\n", far_call(SELECTOR(11), 0) & 0xffff));
    /* A system call and a signal from code with a base: mov eax, 20; int 0x80; ud2 */
    static const uint8_t calls[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x0f, 0x0b};
    memcpy(block, calls, sizeof calls);
    TRY("a system call, and a fault behind it", far_call(SELECTOR(10), 0));

    for (unsigned i = 0; i < 1024; i++) block[i] = i;
    uint32_t value;
    /* Whether a descriptor that changes under DS is seen at once. */
    unsigned change[4] = {1, base + 64, 0xfff, 0x41};
    __asm__ volatile("push %%ds; mov %5, %%ds; int $0x80; mov 0, %0; pop %%ds"
                     : "=&r"(value), "+a"((int){SYS_modify_ldt}) : "b"(0x11), "c"(change), "d"(16), "r"(SELECTOR(1)) : "memory");
    printf("changed under DS: %x\n", value);
    TRY("taken away under SS", __asm__ volatile(
        "mov %%esp, %%esi; mov %4, %%ss; int $0x80; mov $0x2b, %%ecx; mov %%ecx, %%ss"
        : : "a"(SYS_modify_ldt), "b"(0x11), "c"((unsigned[4]){13, 0, 0, 0x28}), "d"(16),
          "r"((set(0x11, 13, 0, 0xfffff, 0x51), SELECTOR(13))) : "memory", "esi"));

    int status;
    if (fork() == 0) {
        uint64_t all[16] = {0};
        SYS3(modify_ldt, 0, all, sizeof all);
        set(0x11, 1, base + 128, 0xfff, 0x41);
        _exit(load_fs(SELECTOR(1), 0) == 32 && all[3] != 0 ? 0 : 1);
    }
    wait(&status); show_status("a child has its own", status);
    printf("here still %x\n", load_fs(SELECTOR(1), 0));

    /* Signals while DS and ES are segments with a limit. */
    on(SIGALRM, rings, 0);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
    set(0x11, 14, 0, 0xffffe, 0x51);
    while (alarms < 3) {
        __asm__ volatile("push %%ds; push %%es; mov %0, %%ds; mov %0, %%es; mov $20000, %%ecx; 1: incl %1; loop 1b; pop %%es; pop %%ds"
                         : : "r"(SELECTOR(14)), "m"(block[7]) : "memory", "ecx");
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    printf("signals came\n");
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
