/* What lies behind the FXSAVE image in a signal frame on a processor with XSAVE, and what sigreturn makes of it. */
#include "common.h"
#include <setjmp.h>
enum { LOOK, NO_X87, NO_SSE, NEITHER, NO_MAGIC1, NO_MAGIC2, ONLY_X87_WANTED, RESERVED, COMPACT, WRONG_MXCSR, MODES };
static const char *const names[MODES] = {"look", "no x87", "no sse", "neither", "no first magic", "no second magic", "only x87 wanted",
    "reserved bytes", "compact", "wrong mxcsr"};
static int mode;
static sigjmp_buf back;
static uint32_t word(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return v; }
static void edit(int n, siginfo_t *i, void *context) {
    (void)n; (void)i;
    ucontext_t *u = context;
    uint8_t *legacy = (uint8_t *)u->uc_mcontext.fpregs, *image = legacy + 112, *software = image + 464, *header = image + 512;
    uint32_t size = word(software + 16);
    uint8_t *end = image + size;
    switch (mode) {
    case LOOK:
        printf("image %% 64 = %u, magic in the old form %x, first magic %x\n", (uint32_t)image % 64, word(legacy + 108) >> 16, word(software));
        printf("all is area + %u, area at least 576: %d, x87 and SSE among the components: %d\n", word(software + 4) - size, size >= 576, (word(software + 8) & 3) == 3);
        printf("there: %u, form %x, second magic %x, flags of the context %lx\n", word(header) & 3, word(header + 8), word(end), u->uc_flags);
        break;
    case NO_X87: header[0] &= ~1; break;
    case NO_SSE: header[0] &= ~2; break;
    case NEITHER: header[0] &= ~3; break;
    case NO_MAGIC1: software[0] ^= 1; header[0] &= ~3; break;
    case NO_MAGIC2: end[0] ^= 1; header[0] &= ~3; break;
    case ONLY_X87_WANTED: software[8] = 1; break;
    case RESERVED: header[40] = 1; break;
    case COMPACT: header[15] = 0x80; break;
    case WRONG_MXCSR: image[27] = 0x80; break;
    }
}
static void leave(int n, siginfo_t *i, void *u) { (void)n; (void)i; (void)u; siglongjmp(back, 1); }
static uint8_t after[512] __attribute__((aligned(16)));
int main(void) {
    pid_t pid = getpid();
    on(SIGUSR1, edit, 0);
    on(SIGSEGV, leave, SA_NODEFER);
    for (mode = 0; mode < MODES; mode++) {
        if (sigsetjmp(back, 1)) {
            printf("%s: refused\n", names[mode]);
            continue;
        }
        uint32_t seed[4] = {1, 2, 3, 4}, mxcsr = 0x3f80;
        uint16_t control = 0x27f;
        __asm__ volatile("fninit; fldcw %[control]; fld1; fldpi; movups %[seed], %%xmm0; movups %[seed], %%xmm7; ldmxcsr %[mxcsr]\n\t"
                         "mov $37, %%eax; mov $10, %%ecx; int $0x80; fxsave %[after]; fninit"
                         : [after] "=m"(after)
                         : [seed] "m"(seed), [mxcsr] "m"(mxcsr), [control] "m"(control), "b"(pid) : "eax", "ecx", "memory");
        printf("%s: control %x, tags %x, st1 %02x%02x, mxcsr %x, xmm0 %u %u, xmm7 %u\n", names[mode], word(after) & 0xffff, after[4],
               after[57], after[56], word(after + 24), word(after + 160), word(after + 164), word(after + 272 + 12));
    }
    return 0;
}
