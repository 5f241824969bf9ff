/* Which processor the program sees: CPUID, what the system says of it, which instructions there are and what F3 0F BC is. In
 * a child and after execve it is the same one. */
#include "common.h"
#include <setjmp.h>
#include <sys/auxv.h>
static sigjmp_buf back;
static void leave(int n, siginfo_t *i, void *u) { (void)i; (void)u; siglongjmp(back, n); }
static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]) {
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "0"(leaf), "2"(sub));
}
#define TRY(name, code) \
    do { \
        int n = sigsetjmp(back, 1); \
        if (n == 0) { __asm__ volatile(code ::: "eax", "ecx", "edx", "memory", "cc"); printf(" %s", name); } \
        else printf(" -%s", name); \
    } while (0)
static void instructions(void) {
    printf("instructions:");
    TRY("cmov", "cmove %%ecx, %%eax");
    TRY("prefetchnta", ".byte 0x0f, 0x18, 0x04, 0x24");
    TRY("emms", "emms");
    TRY("pxor", ".byte 0x0f, 0xef, 0xc0");
    TRY("addps", ".byte 0x0f, 0x58, 0xc0");
    TRY("mfence", ".byte 0x0f, 0xae, 0xf0");
    TRY("pshufb", ".byte 0x66, 0x0f, 0x38, 0x00, 0xc0");
    TRY("popcnt", ".byte 0xf3, 0x0f, 0xb8, 0xc1");
    TRY("movbe", ".byte 0x0f, 0x38, 0xf0, 0x04, 0x24");
    TRY("andn", ".byte 0xc4, 0xe2, 0x78, 0xf2, 0xc1");
    TRY("adcx", ".byte 0x66, 0x0f, 0x38, 0xf6, 0xc1");
    TRY("aesenc", ".byte 0x66, 0x0f, 0x38, 0xdc, 0xc0");
    TRY("sha1nexte", ".byte 0x0f, 0x38, 0xc8, 0xc0");
    TRY("rdrand", ".byte 0x0f, 0xc7, 0xf0");
    TRY("rdtscp", ".byte 0x0f, 0x01, 0xf9");
    TRY("xgetbv", "xor %%ecx, %%ecx; .byte 0x0f, 0x01, 0xd0");
    TRY("vaddps", ".byte 0xc5, 0xf8, 0x58, 0xc0");
    TRY("sysenter", ".byte 0x0f, 0x34");
    TRY("syscall", ".byte 0x0f, 0x05");
    puts("");
}
static void scan(uint32_t value) {
    uint32_t low = 77, high = 77;
    __asm__ volatile(".byte 0xf3, 0x0f, 0xbc, 0xc1" : "+a"(low) : "c"(value) : "cc");
    __asm__ volatile(".byte 0xf3, 0x0f, 0xbd, 0xc1" : "+a"(high) : "c"(value) : "cc");
    printf("F3 0F BC and BD of %#x: %u %u\n", value, low, high);
}
static void tell(void) {
    uint32_t r[4];
    char text[4096], *line;
    static const uint32_t leaves[][2] = {{1, 0}, {7, 0}, {0xd, 0}, {0xd, 1}, {0x80000001, 0}, {0x80000008, 0}};
    cpuid(0, 0, r);
    printf("%.4s%.4s%.4s, leaves to %#x", (char *)&r[1], (char *)&r[3], (char *)&r[2], r[0]);
    cpuid(0x80000000, 0, r);
    printf(" and %#x\n", r[0]);
    for (unsigned n = 0; n < 6; n++) {
        cpuid(leaves[n][0], leaves[n][1], r);
        printf("leaf %#x.%u: %08x %08x %08x %08x\n", leaves[n][0], leaves[n][1], r[0], r[1], r[2], r[3]);
    }
    /* The C library's getauxval answers some of these itself. */
    uint32_t pair[2];
    FILE *aux = fopen("/proc/self/auxv", "r");
    while (aux && fread(pair, sizeof pair, 1, aux) == 1) {
        if (pair[0] == AT_HWCAP || pair[0] == AT_HWCAP2) printf("auxiliary vector %u: %08x\n", pair[0], pair[1]);
    }
    if (aux) fclose(aux);
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(text, sizeof text, info))
        if (strncmp(text, "flags", 5) == 0) { printf("%s", text); break; }
    if (info) fclose(info);
    instructions();
    scan(0);
    scan(0x10);
}
int main(int argc, char **argv) {
    on(SIGILL, leave, SA_NODEFER);
    if (argc > 1) {
        printf("after execve\n");
        instructions();
        return 0;
    }
    tell();
    fflush(stdout);
    if (fork() == 0) {
        printf("in a child\n");
        instructions();
        fflush(stdout);
        execl("/proc/self/exe", "processor", "again", NULL);
        return 1;
    }
    int status;
    wait(&status);
    return status;
}
