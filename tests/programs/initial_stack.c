/* What the kernel leaves on the stack: alignment, argv, envp, the auxiliary vector, and the entry registers. */
#include "common.h"
#include <elf.h>
#include <sys/auxv.h>
extern char **environ;
int main(int argc, char **argv) {
    printf("argv[argc] is %s\n", argv[argc] ? "something" : "null");
    printf("envp follows argv: %s\n", environ == argv + argc + 1 ? "yes" : "no");
    Elf32_auxv_t *aux = (Elf32_auxv_t *)environ;
    char **e = environ;
    while (*e) e++;
    aux = (Elf32_auxv_t *)(e + 1);
    uint32_t esp = (uint32_t)(argv - 1);
    printf("argc's address is a multiple of 16: %s\n", esp % 16 == 0 ? "yes" : "no");
    for (; aux->a_type != AT_NULL; aux++) {
        uint32_t v = aux->a_un.a_val;
        switch (aux->a_type) {
        case AT_PAGESZ: printf("AT_PAGESZ %u\n", v); break;
        case AT_CLKTCK: printf("AT_CLKTCK %u\n", v); break;
        case AT_PHENT: printf("AT_PHENT %u\n", v); break;
        case AT_PHNUM: printf("AT_PHNUM %s\n", v > 2 && v < 20 ? "plausible" : "odd"); break;
        case AT_PHDR: printf("AT_PHDR %s\n", ((Elf32_Phdr *)v)->p_type < 0x70000000u ? "readable" : "odd"); break;
        case AT_BASE: printf("AT_BASE %u\n", v); break;
        case AT_FLAGS: printf("AT_FLAGS %u\n", v); break;
        case AT_ENTRY: printf("AT_ENTRY %s\n", v ? "set" : "0"); break;
        case AT_SECURE: printf("AT_SECURE %u\n", v); break;
        case AT_RANDOM: printf("AT_RANDOM %s\n", v > esp ? "above the stack pointer" : "odd"); break;
        case AT_EXECFN: printf("AT_EXECFN %s\n", strcmp((char *)v, argv[0]) == 0 ? "is argv[0]" : "differs"); break;
        case AT_PLATFORM: printf("AT_PLATFORM %s\n", (char *)v); break;
        case AT_SYSINFO: printf("AT_SYSINFO %s\n", v ? "set" : "0"); break;
        case AT_UID: printf("AT_UID %s\n", v == getuid() ? "is getuid()" : "differs"); break;
        case AT_GID: printf("AT_GID %s\n", v == getgid() ? "is getgid()" : "differs"); break;
        }
    }
    uint32_t cs, ds, es, ss, flags;
    __asm__("mov %%cs, %0; mov %%ds, %1; mov %%es, %2; mov %%ss, %3; pushf; pop %4" : "=r"(cs), "=r"(ds), "=r"(es), "=r"(ss), "=r"(flags));
    /* The selectors' numbers are the kernel's choice: an i386 kernel's differ from those of an x86-64 one. */
    printf("privilege of cs %u ss %u, ds is ss: %s, es is ss: %s\n", cs & 3, ss & 3, ds == ss ? "yes" : "no", es == ss ? "yes" : "no");
    printf("IF %u DF %u TF %u\n", flags >> 9 & 1, flags >> 10 & 1, flags >> 8 & 1);
    uint16_t cw; uint32_t mxcsr;
    __asm__("fnstcw %0" : "=m"(cw));
    __asm__("stmxcsr %0" : "=m"(mxcsr));
    printf("x87 control %04x, mxcsr masks %04x\n", cw, mxcsr & 0xffc0);
    return 0;
}
