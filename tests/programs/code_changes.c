/* Code that writes code: new functions, changed ones, the next instruction, its own page, a copy of itself. */
#include "common.h"
typedef unsigned (*function)(unsigned);
static unsigned char *page;
static void constant(unsigned char *at, unsigned value) { at[0] = 0xb8; memcpy(at + 1, &value, 4); at[5] = 0xc3; }
int main(void) {
    page = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned sum = 0;
    for (unsigned i = 0; i < 3000; i++) { constant(page, i); sum = sum * 31 + ((function)page)(0); }
    printf("rewritten each time: %u\n", sum);

    constant(page, 1); sum = 0;
    for (unsigned i = 0; i < 5000; i++) sum += ((function)page)(0);
    page[1] = 2;
    for (unsigned i = 0; i < 5000; i++) sum += ((function)page)(0);
    printf("hot, then changed: %u\n", sum);

    /* mov ecx, 10; L: inc byte [imm of the mov below]; mov eax, 0; loop L; ret */
    static const unsigned char next[] = {0xb9, 10, 0, 0, 0, 0xfe, 0x05, 0, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xe2, 0xf3, 0xc3};
    memcpy(page + 64, next, sizeof next);
    uint32_t target = (uint32_t)page + 64 + 12; memcpy(page + 64 + 7, &target, 4);
    printf("the next instruction: %u", ((function)(page + 64))(0));
    printf(", and again: %u\n", ((function)(page + 64))(0));

    /* Stores walk through the page that they run on, over data between functions. */
    static const unsigned char walk[] = {0x8b, 0x54, 0x24, 4, 0xb9, 0xff, 0, 0, 0, 0x88, 0x0c, 0x0a, 0xe2, 0xfb, 0x0f, 0xb6, 0x42, 0x20, 0xc3};
    memcpy(page + 128, walk, sizeof walk);
    printf("data beside code: %u\n", ((function)(page + 128))((unsigned)page + 256));
    constant(page + 0xffc, 0x01020304);
    printf("across a page: %x", ((function)(page + 0xffc))(0));
    page[0x1000] = 0x99; printf(", second page changed: %x\n", ((function)(page + 0xffc))(0));

    mprotect(page, 0x4000, PROT_READ | PROT_EXEC);
    printf("read and execute: %u\n", ((function)page)(0));
    mprotect(page, 0x4000, PROT_READ | PROT_WRITE); constant(page, 77); mprotect(page, 0x4000, PROT_READ | PROT_EXEC);
    printf("changed in between: %u\n", ((function)page)(0));
    mmap(page, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    constant(page, 88); printf("mapped anew: %u\n", ((function)page)(0));

    int fd = open("code.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    unsigned char code[8]; constant(code, 5); write(fd, code, 6); ftruncate(fd, 4096);
    unsigned char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *run = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    printf("through another mapping: %u", ((function)run)(0));
    shared[1] = 6; printf(" %u", ((function)run)(0));
    pwrite(fd, "\x07", 1, 1); printf(" %u", ((function)run)(0));
    lseek(fd, 1, SEEK_SET); int p[2]; pipe(p); write(p[1], "\x08", 1); read(p[0], shared + 1, 1); printf(" %u\n", ((function)run)(0));
    unlink("code.tmp");

    unsigned char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    constant(own, 1); ((function)own)(0);
    int status;
    if (fork() == 0) { own[1] = 2; _exit(((function)own)(0)); }
    wait(&status); show_status("a child changes its copy", status);
    printf("ours is as it was: %u\n", ((function)own)(0));
    /* rep movsb over code, and a 16-bit store into the middle of an instruction. */
    unsigned char other[6]; constant(other, 0x55aa); void *d = own, *s = other; unsigned n = 6;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    printf("by rep movsb: %x", ((function)own)(0));
    *(volatile unsigned short *)(own + 2) = 0x7777; printf(", by a 16-bit store: %x\n", ((function)own)(0));
    return 0;
}
