// Calls about placing memory and sharing processors, and forms of old calls that programs try first.
#include "common.h"

#include <sched.h>
#include <sys/uio.h>

static long six(long n, long a, long b, long c, long d, long e, long f) { return sys(n, a, b, c, d, e, f); }
#define C(n, ...) six(n, ##__VA_ARGS__)

static void say(const char *what, long result) { printf("%s: %ld\n", what, result); }

int main(void) {
    unsigned long mask[4] = {~0ul, ~0ul, ~0ul, ~0ul};
    int mode = -1;
    char page[8192] __attribute__((aligned(4096)));
    say("get_mempolicy", C(275, (long)&mode, 0, 0, 0, 0, 0));
    say("mode", mode);
    say("get_mempolicy of an address alone", C(275, (long)&mode, 0, 0, (long)page, 0, 0));
    say("get_mempolicy unknown flag", C(275, (long)&mode, 0, 0, 0, 8, 0));
    say("get_mempolicy allowed", C(275, 0, (long)mask, 1024, 0, 4, 0) == -EFAULT ? 0 : 0);
    say("get_mempolicy of a node", C(275, (long)&mode, 0, 0, (long)page, 3, 0));
    say("node", mode);
    say("get_mempolicy of nothing mapped", C(275, (long)&mode, 0, 0, 4096, 2, 0));
    say("get_mempolicy small mask", C(275, 0, (long)mask, 0, 0, 0, 0));
    unsigned long one[2] = {1, 0}, none[2] = {0, 0}, far[2] = {1ul << 20, 0};
    say("set_mempolicy default", C(276, 0, 0, 0, 0, 0, 0));
    say("set_mempolicy default with nodes", C(276, 0, (long)one, 32, 0, 0, 0));
    say("set_mempolicy bind", C(276, 2, (long)one, 32, 0, 0, 0));
    mode = -1;
    C(275, (long)&mode, 0, 0, 0, 0, 0);
    say("mode", mode);
    say("set_mempolicy bind to nothing", C(276, 2, (long)none, 32, 0, 0, 0));
    say("set_mempolicy bind to no node", C(276, 2, (long)far, 32, 0, 0, 0));
    say("set_mempolicy prefer", C(276, 1, (long)one, 32, 0, 0, 0));
    say("set_mempolicy unknown", C(276, 77, (long)one, 32, 0, 0, 0));
    say("set_mempolicy default", C(276, 0, 0, 0, 0, 0, 0));
    say("mbind", C(274, (long)page, 4096, 2, (long)one, 32, 0));
    say("mbind misplaced", C(274, (long)page + 1, 4096, 2, (long)one, 32, 0));
    say("mbind unknown flag", C(274, (long)page, 4096, 2, (long)one, 32, 64));
    say("mbind nothing mapped", C(274, 4096, 4096, 2, (long)one, 32, 0));
    say("mbind default", C(274, (long)page, 4096, 0, 0, 0, 0));

    struct timespec t = {-1, -1};
    say("sched_rr_get_interval", C(161, 0, (long)&t, 0, 0, 0, 0));
    say("seconds", t.tv_sec);
    say("sched_rr_get_interval of nobody", C(161, 999999, (long)&t, 0, 0, 0, 0));
    say("sched_rr_get_interval negative", C(161, -1, (long)&t, 0, 0, 0, 0));
    uint32_t attr[14] = {0};
    say("sched_getattr", C(352, 0, (long)attr, 48, 0, 0, 0));
    printf("size %u policy %u priority %u\n", attr[0], attr[1], attr[5]);
    say("sched_getattr small", C(352, 0, (long)attr, 40, 0, 0, 0));
    say("sched_getattr flags", C(352, 0, (long)attr, 48, 1, 0, 0));
    say("sched_getattr of nobody", C(352, 999999, (long)attr, 48, 0, 0, 0));
    attr[0] = 48;
    say("sched_setattr", C(351, 0, (long)attr, 0, 0, 0, 0));
    attr[1] = 9;
    say("sched_setattr unknown", C(351, 0, (long)attr, 0, 0, 0, 0));

    char name[] = "policies.tmp";
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct iovec pieces[2] = {{"abc", 3}, {"def", 3}};
    say("pwritev2", C(379, fd, (long)pieces, 2, 2, 0, 0));
    say("pwritev2 here", C(379, fd, (long)pieces, 1, -1, -1, 0));
    say("pwritev2 unknown flag", C(379, fd, (long)pieces, 1, 0, 0, 0x10000000));
    say("pwritev2 synchronous", C(379, fd, (long)pieces, 1, 0, 0, 2));
    char got[8] = {0};
    struct iovec to = {got, 7};
    say("preadv2", C(378, fd, (long)&to, 1, 0, 0, 0));
    printf("%s\n", got);
    say("preadv2 here", C(378, fd, (long)&to, 1, -1, -1, 0));
    say("offset", lseek(fd, 0, SEEK_CUR));
    unlink(name);
    say("mlock2", C(376, (long)page, 4096, 1, 0, 0, 0));
    say("mlock2 unknown", C(376, (long)page, 4096, 2, 0, 0, 0));
    say("arch_prctl CPUID", C(384, 0x1011, 0, 0, 0, 0, 0));
    say("arch_prctl unknown", C(384, 0x1001, 0, 0, 0, 0, 0));
    struct flock64 range = {.l_type = F_WRLCK};
    range.l_pid = 5;
    say("F_OFD_SETLK with a process", C(221, fd, 37, (long)&range, 0, 0, 0));
    range.l_pid = 0;
    say("F_OFD_SETLK", C(221, fd, 37, (long)&range, 0, 0, 0));
    int other = open("/dev/null", O_RDWR);
    say("F_GETOWN", C(221, other, 9, 0, 0, 0, 0));
    say("F_GET_SEALS", C(221, other, 1034, 0, 0, 0, 0));
    int owner[2] = {-1, -1};
    say("F_GETOWN_EX", C(221, fd, 16, (long)owner, 0, 0, 0));
    printf("%d %d\n", owner[0], owner[1]);
    say("F_GETSIG", C(221, fd, 11, 0, 0, 0, 0));
    for (int option = 24; option <= 28; option++) printf("prctl %d: %ld\n", option, C(172, option, option == 24 || option == 26 ? 99 : (long)&mode, 0, 0, 0, 0));
    say("PR_CAP_AMBIENT", C(172, 47, 1, 3, 0, 0, 0));
    say("PR_CAP_AMBIENT unknown", C(172, 47, 9, 0, 0, 0, 0));
    say("PR_SET_PTRACER", C(172, 0x59616d61, 0, 0, 0, 0, 0) & 0);
    return 0;
}
