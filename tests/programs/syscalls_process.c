/* What a process asks about itself and its machine, time included, and unknown calls. */
#include "common.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <linux/futex.h>
static char buffer[4096];
int main(void) {
    SYS1(umask, 022);
    struct utsname name; show("uname", SYS1(uname, &name)); printf("%s, nodename %d, release starts with a digit %d\n", name.sysname, name.nodename[0] != 0, name.release[0] >= '2' && name.release[0] <= '9'); show("uname wild", SYS1(uname, 16));
    printf("getpid positive %d, is gettid %d\n", SYS0(getpid) > 0, SYS0(getpid) == SYS0(gettid)); printf("getppid positive %d\n", SYS0(getppid) > 0); printf("getpgrp positive %d, is getpgid %d\n", SYS0(getpgrp) > 0, SYS0(getpgrp) == SYS1(getpgid, 0)); show("getpgid of a stranger", SYS1(getpgid, 0x3fffffff)); show("getsid of a stranger", SYS1(getsid, 0x3fffffff));
    printf("uids agree %d, gids agree %d\n", SYS0(getuid32) == SYS0(geteuid32), SYS0(getgid32) == SYS0(getegid32));
    if (fork() == 0) { show("setsid", SYS0(setsid) == SYS0(getpid)); printf("leads its group %d\n", SYS0(getpgrp) == SYS0(getpid)); show("setsid again", SYS0(setsid)); _exit(0); }
    wait(NULL);
    show("umask", SYS1(umask, 027)); show("umask back", SYS1(umask, 022));
    struct { uint32_t soft, hard; } old; struct rlimit64 limit;
    show("ugetrlimit stack", SYS2(ugetrlimit, RLIMIT_STACK, &old)); printf("stack %u\n", old.soft); show("ugetrlimit wrong", SYS2(ugetrlimit, 99, &old)); show("prlimit64", SYS4(prlimit64, 0, RLIMIT_NOFILE, 0, &limit)); printf("at least 256 files %d\n", limit.rlim_cur >= 256);
    limit.rlim_cur = 100; show("lower it", SYS4(prlimit64, 0, RLIMIT_NOFILE, &limit, 0)); show("dup2 above it", SYS2(dup2, 0, 150)); show("dup2 below it", SYS2(dup2, 0, 99)); limit.rlim_cur = limit.rlim_max + 1; show("soft above hard", SYS4(prlimit64, 0, RLIMIT_NOFILE, &limit, 0));
    struct sysinfo info; show("sysinfo", SYS1(sysinfo, &info)); printf("memory %d, processes %d\n", info.totalram > 0, info.procs > 0); show("sysinfo wild", SYS1(sysinfo, 16));
    show("PR_SET_NAME", SYS2(prctl, PR_SET_NAME, "a name of more than 15")); show("PR_GET_NAME", SYS2(prctl, PR_GET_NAME, buffer)); puts(buffer); show("prctl nonsense", SYS2(prctl, 999999, 0));
    printf("set_tid_address is gettid %d\n", SYS1(set_tid_address, buffer) == SYS0(gettid)); show("set_robust_list size", SYS2(set_robust_list, buffer, 3)); show("rseq length", SYS4(rseq, buffer, 7, 0, 0));
    memset(buffer, 0, 64); show("getrandom", SYS3(getrandom, buffer, 32, 0)); int nonzero = 0; for (int i = 0; i < 32; i++) nonzero += buffer[i] != 0; printf("random %d\n", nonzero > 16); show("getrandom flags", SYS3(getrandom, buffer, 1, 0x100)); show("getrandom wild", SYS3(getrandom, 16, 1, 0));
    struct timespec a, b; long long t64[2];
    show("clock_gettime", SYS2(clock_gettime, CLOCK_MONOTONIC, &a)); show("clock_gettime64", SYS2(clock_gettime64_, CLOCK_REALTIME, t64)); printf("after 2020 %d, agrees with time %d\n", t64[0] > 1577836800, SYS1(time, 0) - t64[0] <= 1); show("clock nonsense", SYS2(clock_gettime, 99, &a));
    struct timespec ms = {0, 10000000}; show("nanosleep", SYS2(nanosleep, &ms, 0)); SYS2(clock_gettime, CLOCK_MONOTONIC, &b); long long passed = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec; printf("it slept %d\n", passed >= 10000000 && passed < 5000000000ll);
    long long ms64[2] = {0, 5000000}; show("clock_nanosleep_time64", SYS4(clock_nanosleep64_, CLOCK_MONOTONIC, 0, ms64, 0)); ms.tv_nsec = 1000000000; show("nanosleep nonsense", SYS2(nanosleep, &ms, 0)); show("nanosleep wild", SYS2(nanosleep, 16, 0)); show("gettimeofday", SYS2(gettimeofday, t64, 0)); show("clock_getres", SYS2(clock_getres, CLOCK_MONOTONIC, 0)); printf("times %d\n", SYS1(times, buffer) != 0);
    struct rusage usage; show("getrusage", SYS2(getrusage, RUSAGE_SELF, &usage)); show("getrusage nonsense", SYS2(getrusage, 9, &usage)); show("sched_yield", SYS0(sched_yield)); printf("sched_getaffinity %d\n", SYS3(sched_getaffinity, 0, 128, buffer) > 0);
    int word = 5; struct timespec ten = {0, 10000000}; show("futex other value", SYS4(futex, &word, FUTEX_WAIT, 6, 0)); show("futex time-out", SYS4(futex, &word, FUTEX_WAIT, 5, &ten)); show("futex wake nobody", SYS3(futex, &word, FUTEX_WAKE, 1)); show("futex unaligned", SYS4(futex, (char *)&word + 1, FUTEX_WAIT, 5, 0)); show("futex wild", SYS4(futex, 16, FUTEX_WAIT, 5, 0));
    show("socket of no family", SYS3(socket, 99, SOCK_STREAM, 0)); long s = SYS3(socket, AF_UNIX, SOCK_STREAM, 0); worked("socket AF_UNIX", s); struct { short family; char path[30]; } address = {AF_UNIX, "/nonexistent/socket"}; show("connect to nothing", SYS3(connect, s, &address, sizeof address)); int length = sizeof buffer; show("getpeername", SYS3(getpeername, s, buffer, &length)); show("getpeername of a file", (close(0), open("/dev/null", O_RDONLY), SYS3(getpeername, 0, buffer, &length))); show("getpeername of a closed one", SYS3(getpeername, 77, buffer, &length));
    show("an unknown call", sys(9999, 0, 0, 0, 0, 0, 0)); show("a negative one", sys(-1, 0, 0, 0, 0, 0, 0)); show("call 17 (break)", sys(17, 0, 0, 0, 0, 0, 0)); show("personality", SYS1(personality, -1) & 0xff);
    printf("readlink /proc/self/exe ends well %d\n", ({ long n = SYS3(readlink, "/proc/self/exe", buffer, 4000); buffer[n < 0 ? 0 : n] = 0; strstr(buffer, "/syscalls_process") != NULL; }));
    return 0;
}
