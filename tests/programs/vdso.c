/* AT_SYSINFO: the kernel's entry in the vDSO gives the same as int 0x80. */
#include "common.h"
#include <sys/auxv.h>
static long through_sysinfo(long number, long a, long b, long c) {
    uint32_t entry = getauxval(AT_SYSINFO);
    long result;
    __asm__ volatile("call *%[entry]" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), [entry] "S"(entry) : "memory");
    return result;
}
int main(void) {
    if (!getauxval(AT_SYSINFO)) { puts("no AT_SYSINFO"); return 1; }
    printf("getpid agrees: %s\n", through_sysinfo(SYS_getpid, 0, 0, 0) == SYS0(getpid) ? "yes" : "no");
    show("write through it", through_sysinfo(SYS_write, 1, (long)"written\n", 8));
    show("close(77) through it", through_sysinfo(SYS_close, 77, 0, 0));
    uint32_t header = getauxval(AT_SYSINFO_EHDR);
    printf("AT_SYSINFO_EHDR: %s\n", header && memcmp((void *)header, "\177ELF", 4) == 0 ? "an ELF image" : "none");
    /* Registers are preserved over a system call, by either way in. */
    uint32_t b = 0x11111111, c = 0x22222222, d = 0x33333333, s = 0x44444444, i = 0x55555555;
    __asm__ volatile("mov %5, %%eax; int $0x80" : "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(i) : "i"(SYS_getpid) : "eax", "memory");
    printf("preserved: %x %x %x %x %x\n", b, c, d, s, i);
    return 0;
}
