/* brk, mmap2, mprotect, munmap, mremap, madvise: what is mapped afterwards, and every refusal. */
#include "common.h"
#include <setjmp.h>
static sigjmp_buf back;
static void leave(int n, siginfo_t *i, void *u) { (void)u; siglongjmp(back, n * 100 + i->si_code); }
/* r, rw, or the signal that reading and writing back gives. */
static const char *probe(volatile char *at) {
    static char text[64];
    int n = sigsetjmp(back, 1);
    if (n) { snprintf(text, sizeof text, "%s", n == SIGSEGV * 100 + SEGV_MAPERR ? "unmapped" : n == SIGSEGV * 100 + SEGV_ACCERR ? "forbidden" : "other"); return text; }
    char c = *at;
    n = sigsetjmp(back, 1);
    if (n) return "readable";
    *at = c;
    return "writable";
}
#define PROBE(what, at) printf("%s: %s\n", what, probe((volatile char *)(at)))
static long map(uint32_t at, size_t size, int prot, int flags, int fd, long page) { return SYS6(mmap2, at, size, prot, flags, fd, page); }
static int in_low(long result) { return (unsigned long)result < 0xfffff000ul; }
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED (ANON | MAP_FIXED)
#define RW (PROT_READ | PROT_WRITE)
int main(void) {
    on(SIGSEGV, leave, 0); on(SIGBUS, leave, 0);
    puts("brk");
    char *start = (char *)SYS1(brk, 0);
    char *page = (char *)(((uint32_t)start + 4095) & ~4095u);
    printf("grows: %d\n", (char *)SYS1(brk, page + 0x3000) == page + 0x3000);
    PROBE("its last byte", page + 0x2fff); PROBE("beyond", page + 0x3000);
    printf("zeroed: %d\n", page[0x2000] == 0); page[0x2000] = 7;
    printf("shrinks: %d\n", (char *)SYS1(brk, page + 0x1000) == page + 0x1000);
    PROBE("given back", page + 0x2000);
    SYS1(brk, page + 0x3000); printf("zeroed again: %d\n", page[0x2000]);
    printf("too far down: %d\n", (char *)SYS1(brk, 4096) == page + 0x3000);
    printf("too far up: %d\n", (char *)SYS1(brk, 0xfffff000) == page + 0x3000);

    puts("mmap2");
    printf("anonymous: %d\n", in_low(map(0, 0x5000, RW, ANON, -1, 0)));
    uint32_t at = 0x30000000;
    printf("fixed: %d\n", (uint32_t)map(at, 0x8000, RW, FIXED, -1, 0) == at);
    memset((void *)at, 0x5a, 0x8000);
    printf("fixed over it: %d\n", (uint32_t)map(at + 0x2000, 0x1000, RW, FIXED, -1, 0) == at + 0x2000);
    printf("old %x new %x old %x\n", *(unsigned char *)(at + 0x1fff), *(unsigned char *)(at + 0x2000), *(unsigned char *)(at + 0x3000));
    printf("a hint that is taken: %d\n", (uint32_t)map(at, 0x1000, RW, ANON, -1, 0) != at);
    printf("a hint that is free: %d\n", (uint32_t)map(0x31000000, 0x1000, RW, ANON, -1, 0) == 0x31000000);
    show("fixed, no replacement", map(at, 0x1000, RW, ANON | 0x100000, -1, 0));
    show("unaligned", map(at + 1, 0x1000, RW, FIXED, -1, 0));
    show("no length", map(0, 0, RW, ANON, -1, 0));
    show("neither private nor shared", map(0, 0x1000, RW, MAP_ANONYMOUS, -1, 0));
    show("too long", map(0, 0xfffff000, RW, ANON, -1, 0));
    show("of a closed file", map(0, 0x1000, PROT_READ, MAP_PRIVATE, 77, 0));

    puts("munmap");
    show("a hole", SYS2(munmap, at + 0x4000, 0x1000));
    PROBE("before", at + 0x3fff); PROBE("in it", at + 0x4000); PROBE("after", at + 0x5000);
    show("the hole again", SYS2(munmap, at + 0x4000, 0x1000));
    show("across the hole", SYS2(munmap, at + 0x3000, 0x3000));
    PROBE("before", at + 0x2fff); PROBE("after", at + 0x6000);
    show("unaligned", SYS2(munmap, at + 5, 0x1000)); show("no length", SYS2(munmap, at, 0));
    show("a length that is no multiple", SYS2(munmap, at + 0x7000, 5)); PROBE("that page", at + 0x7800);

    puts("mprotect");
    show("read only", SYS3(mprotect, at, 0x1000, PROT_READ)); PROBE("now", at);
    show("nothing", SYS3(mprotect, at, 0x1000, PROT_NONE)); PROBE("now", at);
    show("both", SYS3(mprotect, at, 0x1000, RW)); PROBE("now", at); printf("kept %x\n", *(unsigned char *)at);
    show("over a hole", SYS3(mprotect, at, 0x8000, PROT_READ)); PROBE("before the hole", at + 0x1000);
    show("unaligned", SYS3(mprotect, at + 1, 1, RW)); show("wrong bits", SYS3(mprotect, at, 0x1000, 0x80));
    show("no length", SYS3(mprotect, at, 0, RW));

    puts("files");
    int fd = open("memory.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < 3; i++) { char block[4096]; memset(block, 'a' + i, sizeof block); write(fd, block, i == 2 ? 100 : 4096); }
    char *private = (char *)map(0, 0x3000, RW, MAP_PRIVATE, fd, 0), *shared = (char *)map(0, 0x2000, RW, MAP_SHARED, fd, 1);
    printf("%c %c, after the end %d\n", private[0], private[0x2063], private[0x2064]);
    private[0x1000] = 'P'; printf("private stays private: %c\n", shared[0]);
    shared[0] = 'S'; char c; pread(fd, &c, 1, 0x1000); printf("shared reaches the file: %c, and not the copied page: %c\n", c, private[0x1000]);
    pwrite(fd, "W", 1, 0x1001); printf("a write to the file is seen: %c\n", shared[1]);
    if (fork() == 0) { shared[2] = 'C'; private[3] = 'C'; _exit(0); }
    wait(NULL); printf("a child's store: shared %c, private %c\n", shared[2], private[3]);
    int readonly = open("memory.tmp", O_RDONLY);
    show("shared and writable, file read only", map(0, 0x1000, RW, MAP_SHARED, readonly, 0));
    printf("private and writable, file read only: %d\n", in_low(map(0, 0x1000, RW, MAP_PRIVATE, readonly, 0)));
    show("msync", SYS3(msync, shared, 0x1000, MS_SYNC)); show("msync of nothing", SYS3(msync, at + 0x4000, 0x1000, MS_SYNC));
    unlink("memory.tmp");
    char *both = (char *)map(0, 0x1000, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fork() == 0) { both[0] = 'x'; _exit(0); }
    wait(NULL); printf("shared anonymous memory: %c\n", both[0]);

    puts("mremap and madvise");
    char *m = (char *)map(0x32000000, 0x2000, RW, FIXED, -1, 0); m[0] = 'm'; m[0x1fff] = 'n';
    show("shrink", SYS4(mremap, m, 0x2000, 0x1000, 0) == (long)m); PROBE("cut off", m + 0x1000);
    show("grow in place", SYS4(mremap, m, 0x1000, 0x4000, 0) == (long)m); PROBE("grown", m + 0x3fff); printf("%c %d\n", m[0], m[0x1fff]);
    map(0x32004000, 0x1000, RW, FIXED, -1, 0);
    show("no room", SYS4(mremap, m, 0x4000, 0x8000, 0));
    char *moved = (char *)SYS4(mremap, m, 0x4000, 0x8000, MREMAP_MAYMOVE); printf("moved %d, kept %c\n", moved != m, moved[0]); PROBE("where it was", m);
    show("of nothing", SYS4(mremap, 0x33000000, 0x1000, 0x2000, MREMAP_MAYMOVE)); show("unaligned", SYS4(mremap, moved + 1, 0x1000, 0x2000, 0));
    moved[0] = 'q'; show("madvise DONTNEED", SYS3(madvise, moved, 0x1000, MADV_DONTNEED)); printf("zeroed: %d\n", moved[0]);
    show("madvise of nothing", SYS3(madvise, 0x33000000, 0x1000, MADV_DONTNEED)); show("madvise unaligned", SYS3(madvise, moved + 1, 0x1000, MADV_DONTNEED));
    for (int i = 0; i < 2000; i++) { char *p = (char *)map(0, 0x3000, RW, ANON, -1, 0); if (!in_low((long)p)) { puts("out of room"); break; } p[0x2fff] = 1; SYS2(munmap, p, 0x3000); }
    size_t total = 0; for (int i = 1; i < 3000; i++) { char *p = malloc(i * 37); memset(p, i, i * 37); total += (unsigned char)p[i * 36]; if (i % 3) free(p); }
    printf("malloc: %zu\n", total);
    return 0;
}
