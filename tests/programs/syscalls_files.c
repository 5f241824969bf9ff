/* Files: each call that Debian's static programs make, in success and in every refusal that can be had as a plain user of one folder. */
#include "common.h"
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
static char buffer[8192];
struct dirent64_k { uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[]; };
static void list(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    char names[64][32]; int count = 0; long n;
    while ((n = SYS3(getdents64, fd, buffer, 200)) > 0)
        for (long at = 0; at < n;) {
            struct dirent64_k *d = (void *)(buffer + at);
            snprintf(names[count++], 32, "%s(%d)", d->name, d->type); at += d->reclen;
        }
    qsort(names, count, 32, (int (*)(const void *, const void *))strcmp);
    printf("%s has", path); for (int i = 0; i < count; i++) printf(" %s", names[i]); printf("\n");
    show("getdents64 at the end", n);
    lseek(fd, 0, SEEK_SET); printf("again from the start: %d\n", SYS3(getdents64, fd, buffer, sizeof buffer) > 0);
    show("getdents64 into 10 bytes", (lseek(fd, 0, SEEK_SET), SYS3(getdents64, fd, buffer, 10)));
    show("read of a folder", SYS3(read, fd, buffer, 10));
    close(fd);
}
static void describe(const char *path, int flags) {
    struct statx x;
    long r = SYS5(statx, AT_FDCWD, path, flags, STATX_BASIC_STATS, &x);
    if (r < 0) { printf("statx %s: -%s\n", path, errno_name(r)); return; }
    printf("statx %s: mode %o size %llu links %u", path, x.stx_mode, S_ISDIR(x.stx_mode) ? 0ull : (unsigned long long)x.stx_size, S_ISDIR(x.stx_mode) ? 0 : x.stx_nlink);
    struct stat64 s;
    r = flags ? SYS2(lstat64, path, &s) : SYS2(stat64, path, &s);
    printf(", stat agrees %d\n", r == 0 && s.st_mode == x.stx_mode && s.st_ino == x.stx_ino && (uint64_t)s.st_size == x.stx_size);
}
int main(void) {
    umask(022);
    show("mkdir", SYS2(mkdir, "files.d", 0755)); show("mkdir again", SYS2(mkdir, "files.d", 0755)); show("mkdir below nothing", SYS2(mkdir, "files.d/x/y", 0755));
    show("mkdir with no name", SYS2(mkdir, "", 0755)); show("mkdir at a wild pointer", SYS2(mkdir, 16, 0755));
    show("chdir", SYS1(chdir, "files.d")); show("getcwd into 2 bytes", SYS2(getcwd, buffer, 2));
    long n = SYS2(getcwd, buffer, sizeof buffer); printf("getcwd ends well: %d, its length agrees: %d\n", strstr(buffer, "/files.d") != NULL, n == (long)strlen(buffer) + 1);
    puts("openat");
    show("missing", SYS4(openat, AT_FDCWD, "missing", O_RDONLY, 0));
    long fd = SYS4(openat, AT_FDCWD, "a", O_RDWR | O_CREAT | O_EXCL, 0666); worked("create", fd);
    show("create, exclusive, again", SYS4(openat, AT_FDCWD, "a", O_RDWR | O_CREAT | O_EXCL, 0666));
    show("through a file", SYS4(openat, AT_FDCWD, "a/b", O_RDONLY, 0)); show("a file as a folder", SYS4(openat, AT_FDCWD, "a", O_RDONLY | O_DIRECTORY, 0));
    show("a folder for writing", SYS4(openat, AT_FDCWD, ".", O_RDWR, 0)); show("a wild pointer", SYS4(openat, AT_FDCWD, 16, O_RDONLY, 0));
    show("no name", SYS4(openat, AT_FDCWD, "", O_RDONLY, 0)); show("from a closed descriptor", SYS4(openat, 77, "a", O_RDONLY, 0));
    show("from a file", SYS4(openat, fd, "a", O_RDONLY, 0));
    memset(buffer, 'n', 5000); buffer[300] = 0; show("a long name", SYS4(openat, AT_FDCWD, buffer, O_RDONLY, 0));
    memset(buffer, 'n', 5000); for (int i = 0; i < 5000; i += 2) buffer[i] = '/'; buffer[4999] = 0; show("a long path", SYS4(openat, AT_FDCWD, buffer, O_RDONLY, 0));
    puts("read, write, seek");
    show("write", SYS3(write, fd, "0123456789", 10)); show("_llseek", SYS5(_llseek, fd, 0, 4, buffer, SEEK_SET)); printf("at %lld\n", *(long long *)buffer);
    show("read", SYS3(read, fd, buffer, 3)); printf("%.3s\n", buffer); show("lseek current", SYS3(lseek, fd, 0, SEEK_CUR)); show("lseek end", SYS3(lseek, fd, -2, SEEK_END));
    show("lseek before the start", SYS3(lseek, fd, -100, SEEK_CUR)); show("lseek whence", SYS3(lseek, fd, 0, 99)); show("_llseek wild", SYS5(_llseek, fd, 0, 4, 16, SEEK_SET));
    show("beyond the end", SYS3(lseek, fd, 20, SEEK_SET)); show("read there", SYS3(read, fd, buffer, 5)); show("write there", SYS3(write, fd, "end", 3));
    show("pread64 of the hole", SYS5(pread64, fd, buffer, 100, 8, 0)); printf("%c%c %d %d %c\n", buffer[0], buffer[1], buffer[2], buffer[11], buffer[12]);
    show("pread64 before the start", SYS5(pread64, fd, buffer, 1, -1, -1)); show("pwrite64", SYS5(pwrite64, fd, "X", 1, 1, 0));
    show("read into nowhere", (SYS3(lseek, fd, 0, SEEK_SET), SYS3(read, fd, 16, 5))); show("write from nowhere", SYS3(write, fd, 16, 5)); show("write nothing from nowhere", SYS3(write, fd, 16, 0));
    struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}}; show("writev", SYS3(writev, fd, v, 3)); show("writev count", SYS3(writev, fd, v, -1)); show("writev wild", SYS3(writev, fd, 16, 1));
    struct iovec w[2] = {{buffer, 2}, {buffer + 10, 3}}; SYS3(lseek, fd, 0, SEEK_SET); show("readv", SYS3(readv, fd, w, 2)); printf("%.2s %.3s\n", buffer, buffer + 10);
    long ro = SYS4(openat, AT_FDCWD, "a", O_RDONLY, 0), wo = SYS4(openat, AT_FDCWD, "a", O_WRONLY, 0), ap = SYS4(openat, AT_FDCWD, "a", O_WRONLY | O_APPEND, 0);
    show("write to a read-only one", SYS3(write, ro, "x", 1)); show("read from a write-only one", SYS3(read, wo, buffer, 1));
    show("append", SYS3(write, ap, "tail", 4)); show("where that leaves it", SYS3(lseek, ap, 0, SEEK_CUR)); describe("a", 0);
    puts("length");
    show("ftruncate", SYS2(ftruncate, fd, 5)); show("ftruncate64", SYS3(ftruncate64, fd, 7, 0)); show("of a read-only one", SYS2(ftruncate, ro, 1)); show("negative", SYS2(ftruncate, fd, -1)); describe("a", 0);
    puts("names");
    show("link", SYS2(link, "a", "b")); show("link over", SYS2(link, "a", "b")); show("link of nothing", SYS2(link, "zz", "c")); describe("b", 0);
    show("symlink", SYS2(symlink, "a", "s")); show("symlink over", SYS2(symlink, "a", "s")); show("dangling", SYS2(symlink, "nowhere", "dangling")); show("loop", SYS2(symlink, "loop", "loop"));
    memset(buffer, 0, 16); show("readlink", SYS3(readlink, "s", buffer, 100)); puts(buffer); show("readlink of a file", SYS3(readlink, "a", buffer, 100)); show("readlink into 0", SYS3(readlink, "s", buffer, 0)); show("readlink of nothing", SYS3(readlink, "zz", buffer, 100));
    describe("s", 0); describe("s", AT_SYMLINK_NOFOLLOW); describe("dangling", 0); describe("loop", 0); show("open the loop", SYS4(openat, AT_FDCWD, "loop", O_RDONLY, 0)); show("O_NOFOLLOW", SYS4(openat, AT_FDCWD, "s", O_RDONLY | O_NOFOLLOW, 0));
    show("rename", SYS2(rename, "b", "c")); show("rename of nothing", SYS2(rename, "b", "d")); show("mkdir", SYS2(mkdir, "sub", 0700)); show("a file over a folder", SYS2(rename, "a", "sub")); show("a folder over a file", SYS2(rename, "sub", "a"));
    show("a folder into itself", SYS2(rename, "sub", "sub/x")); show("replace", SYS2(rename, "c", "s")); describe("a", 0);
    show("access", SYS2(access, "a", R_OK | W_OK)); show("access missing", SYS2(access, "zz", F_OK)); show("access mode", SYS2(access, "a", 99));
    show("chmod", SYS2(chmod, "a", 0640)); describe("a", 0); show("fchmod", SYS2(fchmod, fd, 0600)); describe("a", 0); show("chmod of nothing", SYS2(chmod, "zz", 0600));
    show("utimensat", ({ long long t[4] = {1000000000, 5, 1100000000, 7}; SYS4(utimensat64_, AT_FDCWD, "a", t, 0); }));
    struct statx x; SYS5(statx, AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x); printf("times %lld.%u %lld.%u\n", (long long)x.stx_atime.tv_sec, x.stx_atime.tv_nsec, (long long)x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec);
    show("statx of a descriptor", SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x)); show("statx wrong flags", SYS5(statx, AT_FDCWD, "a", 0x40000000, 0, &x)); show("statx wild", SYS5(statx, AT_FDCWD, "a", 0, 0, 16));
    list(".");
    puts("descriptors");
    show("F_GETFL", SYS3(fcntl64, ap, F_GETFL, 0) & (O_ACCMODE | O_APPEND)); show("F_SETFL", SYS3(fcntl64, ap, F_SETFL, O_NONBLOCK)); show("F_GETFL", SYS3(fcntl64, ap, F_GETFL, 0) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    show("F_SETFD", SYS3(fcntl64, fd, F_SETFD, 1)); show("F_GETFD", SYS3(fcntl64, fd, F_GETFD, 0)); show("F_DUPFD 50", SYS3(fcntl64, fd, F_DUPFD, 50)); show("F_DUPFD_CLOEXEC 50", SYS3(fcntl64, fd, F_DUPFD_CLOEXEC, 50)); show("its FD flags", SYS3(fcntl64, 51, F_GETFD, 0)); show("F_DUPFD negative", SYS3(fcntl64, fd, F_DUPFD, -1));
    show("fcntl nonsense", SYS3(fcntl64, fd, 999, 0)); show("fcntl of a closed one", SYS3(fcntl64, 77, F_GETFD, 0)); SYS3(lseek, 50, 3, SEEK_SET); show("copies share the position", SYS3(lseek, fd, 0, SEEK_CUR));
    show("the lowest is taken", ({ long d = SYS1(dup, 0), e; SYS1(close, d); e = SYS1(dup, 0); SYS1(close, e); d == e; })); show("dup of a closed one", SYS1(dup, 77)); show("close", SYS1(close, 50)); show("close again", SYS1(close, 50)); show("ioctl TCGETS on a file", SYS3(ioctl, fd, 0x5401, buffer)); show("ioctl on a closed one", SYS3(ioctl, 77, 0x5401, buffer));
    long out = SYS4(openat, AT_FDCWD, "copy", O_RDWR | O_CREAT | O_TRUNC, 0666); uint64_t offset = 2;
    SYS3(lseek, fd, 0, SEEK_SET); show("sendfile64", SYS4(sendfile64, out, fd, &offset, 100)); printf("offset %llu\n", (unsigned long long)offset); show("its own position", SYS3(lseek, fd, 0, SEEK_CUR)); show("sendfile64 along", SYS4(sendfile64, out, fd, 0, 3)); describe("copy", 0);
    show("sendfile64 from a closed one", SYS4(sendfile64, out, 77, 0, 3)); show("sendfile64 to a read-only one", SYS4(sendfile64, ro, fd, 0, 3));
    puts("removal");
    show("unlink a folder", SYS1(unlink, "sub")); show("rmdir a file", SYS1(rmdir, "a")); show("rmdir the full one", SYS1(rmdir, "../files.d")); show("unlink", SYS1(unlink, "a")); show("unlink again", SYS1(unlink, "a")); show("it lives while open", SYS3(write, fd, "x", 1));
    show("unlinkat a folder", SYS3(unlinkat, AT_FDCWD, "sub", AT_REMOVEDIR)); show("unlinkat wrong flags", SYS3(unlinkat, AT_FDCWD, "s", 1)); SYS1(unlink, "s"); SYS1(unlink, "dangling"); SYS1(unlink, "loop"); SYS1(unlink, "copy"); list(".");
    show("chdir up", SYS1(chdir, "..")); show("chdir to nothing", SYS1(chdir, "zz")); show("rmdir", SYS1(rmdir, "files.d")); show("chdir to a device", SYS1(chdir, "/dev/null"));
    long null = SYS4(openat, AT_FDCWD, "/dev/null", O_RDWR, 0), zero = SYS4(openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0); show("/dev/null reads", SYS3(read, null, buffer, 10)); show("/dev/null writes", SYS3(write, null, buffer, 10)); buffer[9] = 1; show("/dev/zero reads", SYS3(read, zero, buffer, 10)); printf("%d\n", buffer[9]);
    return 0;
}
