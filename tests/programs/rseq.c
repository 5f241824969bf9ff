/* rseq(2): what is refused, what is written, and critical sections that a signal interrupts.
 *
 * The kernel also aborts a section when another program gets the processor, at any moment: what is asked of a signal is
 * repeated until it was the signal. */
#include "common.h"
#include <stddef.h>
#include <sys/auxv.h>
#define SIGNATURE 0x53053053
extern const ptrdiff_t __rseq_offset; extern const unsigned __rseq_size;
struct area { uint32_t cpu_id_start, cpu_id; uint64_t section; uint32_t flags, node_id, mm_cid, padding; };
struct section { uint32_t version, flags; uint64_t start, length, abort; };
static char memory[256] __attribute__((aligned(64)));
static struct area *const mine = (struct area *)memory;
static struct section section __attribute__((aligned(32)));
static volatile int handled, aborted; static volatile uint32_t seen;
static void note(int n, siginfo_t *i, void *u) { (void)n; (void)i; handled++; seen = ((ucontext_t *)u)->uc_mcontext.gregs[REG_EIP]; }
static void fault(int n, siginfo_t *i, void *u) { (void)n; (void)u; _exit(i->si_code == SI_KERNEL ? 3 : 4); }
static long registering(void *area, unsigned len, unsigned flags, unsigned signature) { return SYS4(rseq, area, len, flags, signature); }
/* A critical section that sends its own thread a signal; its abort handler lies behind it. */
static void signalled(void) {
    long number = SYS_kill;
    __asm__ volatile(
        "movl $1f, %0\n\tmovl $2f-1f, %1\n\tmovl $3f, %2\n\tmovl %6, %3\n"
        "1:\tint $0x80\n\tnop\n"
        "2:\tjmp 4f\n\t.long 0x53053053\n"
        "3:\tincl %4\n"
        "4:\n"
        : "=m"(section.start), "=m"(section.length), "=m"(section.abort), "=m"(mine->section), "+m"(aborted), "+a"(number)
        : "r"((uint32_t)&section), "b"(getpid()), "c"(SIGUSR1) : "memory");
}
static void until_signalled(void) {
    int tries = 0;
    do { handled = aborted = 0; section = (struct section){0}; signalled(); } while (!handled && ++tries < 1000);
    printf("handled %d, aborted %d, section %d; the frame shows the abort handler %d\n", handled, aborted, (int)mine->section, seen == section.abort);
}
static void in_child(const char *what, void (*set)(void)) {
    int status; pid_t pid = fork();
    if (pid == 0) { on(SIGSEGV, fault, 0); set(); raise(SIGUSR1); _exit(mine->section == 0 ? 0 : 1); }
    waitpid(pid, &status, 0);
    /* A second look at the section, in the handler, kills at once. */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV || WIFEXITED(status) && WEXITSTATUS(status) == 3) printf("%s: SIGSEGV\n", what);
    else show_status(what, status);
}
static void far_section(void) { mine->section = 1ull << 32; }
static void wild_section(void) { mine->section = 0x1000; }
static void bad_version(void) { section.version = 1; mine->section = (uint32_t)&section; }
static void overflowing(void) { section = (struct section){.start = 0x8048000, .length = -1ull, .abort = 0x8048000}; mine->section = (uint32_t)&section; }
static void abort_inside(void) { section = (struct section){.start = (uint32_t)memory, .length = 100, .abort = (uint32_t)memory + 50}; mine->section = (uint32_t)&section; }
static void another_place(void) { *(uint32_t *)(memory + 124) = SIGNATURE; section = (struct section){.start = (uint32_t)memory, .length = 64, .abort = (uint32_t)memory + 128}; mine->section = (uint32_t)&section; }
static void no_signature(void) { another_place(); *(uint32_t *)(memory + 124) = 5; }
static void unmapped(void) { registering(mine, 32, 1, SIGNATURE); void *p = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); registering(p, 32, 0, SIGNATURE); munmap(p, 4096); }
int main(int argc, char **argv) {
    int status; struct area *library = (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    if (argc > 1) { printf("after exec: the library's own is registered %d\n", registering(library, 32, 0, SIGNATURE) == -EBUSY); return 0; }
    printf("feature size %lu, alignment %lu\n", getauxval(27), getauxval(28));
    printf("the library registered %u bytes, on a processor %d\n", __rseq_size, (int)library->cpu_id >= 0);
    show("another area", registering(mine, 32, 0, SIGNATURE)); show("the same", registering(library, 32, 0, SIGNATURE)); show("other signature", registering(library, 32, 0, 1)); show("other length", registering(library, 64, 0, SIGNATURE));
    show("take back another", registering(mine, 32, 1, SIGNATURE)); show("other length", registering(library, 64, 1, SIGNATURE)); show("other signature", registering(library, 32, 1, 1)); show("flags 3", registering(library, 32, 3, SIGNATURE)); show("flags 2", registering(library, 32, 2, SIGNATURE));
    show("take back", registering(library, 32, 1, SIGNATURE)); printf("no processor: %d %d\n", library->cpu_id_start, library->cpu_id); show("again", registering(library, 32, 1, SIGNATURE)); show("nothing", registering(0, 32, 1, SIGNATURE));
    show("31 bytes", registering(mine, 31, 0, SIGNATURE)); show("0 bytes", registering(mine, 0, 0, SIGNATURE)); show("not aligned", registering(memory + 16, 32, 0, SIGNATURE)); show("33 bytes, not aligned", registering(memory + 16, 33, 0, SIGNATURE));
    show("null", registering(0, 32, 0, SIGNATURE)); show("wild", registering((void *)4096, 32, 0, SIGNATURE)); show("the kernel's", registering((void *)0xffffe000, 32, 0, SIGNATURE)); show("beyond the end", registering((void *)0xffffffe0, 64, 0, SIGNATURE));
    mine->section = 0x1234; mine->flags = 0x55; mine->cpu_id = mine->cpu_id_start = 77;
    show("64 bytes", registering(mine, 64, 0, SIGNATURE)); printf("section %d, flags %#x, processors agree %d, node %d\n", (int)mine->section, mine->flags, mine->cpu_id == mine->cpu_id_start && mine->cpu_id < 4096, mine->node_id == 0);
    show("take back", registering(mine, 64, 1, SIGNATURE)); mine->flags = 0; show("32 bytes", registering(mine, 32, 0, SIGNATURE));

    on(SIGUSR1, note, 0);
    puts("a section without a signal"); handled = aborted = 0; section = (struct section){0}; mine->section = 0;
    raise(SIGUSR1); printf("handled %d, aborted %d\n", handled, aborted);
    puts("a signal within a section"); until_signalled();
    puts("the child has it, too");
    pid_t pid = fork(); if (pid == 0) { until_signalled(); show("the same", registering(mine, 32, 0, SIGNATURE)); _exit(0); }
    waitpid(pid, &status, 0); show_status("child", status);
    in_child("a section beyond 4 GiB", far_section); in_child("an unmapped section", wild_section); in_child("version 1", bad_version); in_child("an overflowing one", overflowing); in_child("its handler within", abort_inside);
    in_child("a section elsewhere", another_place); in_child("without the signature", no_signature); in_child("an area that is gone", unmapped);
    pid = fork(); if (pid == 0) { execl("/proc/self/exe", "again", "exec", NULL); _exit(1); }
    waitpid(pid, &status, 0); show_status("exec", status);
    return 0;
}
