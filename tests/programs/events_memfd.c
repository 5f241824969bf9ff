/* memfd_create(2): files of memory, their seals, sharing and mapping them. */
#include "common.h"

#define ADD_SEALS 1033
#define GET_SEALS 1034

static int create(const char *name, int flags) { return SYS2(memfd_create, name, flags); }
static long seals(int fd) { return SYS3(fcntl64, fd, GET_SEALS, 0); }
static long add(int fd, int which) { return SYS3(fcntl64, fd, ADD_SEALS, which); }

int main(void) {
    char buf[300], link[300] = {0}, path[64];
    struct stat st;
    memset(buf, 'x', sizeof buf);
    show("bad flags", create("a", 0x20));
    show("both", create("a", 0x18));
    show("nowhere", create((char *)16, 0));
    buf[250] = 0;
    show("too long", create(buf, 0));
    buf[249] = 0;
    worked("longest", create(buf, 0));
    int fd = create("some name", 1);
    printf("flags %#lx, descriptor's %ld\n", SYS3(fcntl64, fd, F_GETFL, 0), SYS3(fcntl64, fd, F_GETFD, 0));
    sprintf(path, "/proc/self/fd/%d", fd);
    printf("link %zd %s\n", readlink(path, link, sizeof link), link);
    fstat(fd, &st);
    printf("mode %#o size %lld links %d block %ld\n", st.st_mode, (long long)st.st_size, (int)st.st_nlink, (long)st.st_blksize);
    show("read empty", read(fd, buf, 10));
    show("write", write(fd, "hello", 5));
    show("seek", lseek(fd, 0, SEEK_SET));
    show("read", read(fd, buf, 10));
    show("truncate", SYS2(ftruncate, fd, 10000));
    fstat(fd, &st);
    printf("size %lld\n", (long long)st.st_size);
    show("pwrite", pwrite(fd, "far", 3, 20000));
    show("end", lseek(fd, 0, SEEK_END));
    show("seals of what has none", seals(fd));
    show("seal it", add(fd, 2));
    show("seals of a pipe", seals(0));
    show("add seals to what is none", add(1, 2));

    /* Another open file of the same memory. */
    int other = open(path, O_RDONLY);
    printf("offset of its own: %ld\n", (long)lseek(other, 0, SEEK_CUR));
    show("read", read(other, buf, 5));
    show("write to it", write(other, "x", 1));
    show("add seals to it", add(other, 1));
    char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    printf("mapped: %.5s\n", map);
    memcpy(map, "HELLO", 5);
    show("pread", pread(fd, buf, 5, 0));
    printf("%.5s\n", buf);
    int pid = fork();
    if (pid == 0) {
        memcpy(map + 5, " child", 6);
        lseek(fd, 7, SEEK_SET);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    printf("%.11s, offset %ld\n", map, (long)lseek(fd, 0, SEEK_CUR));
    char *copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    copy[0] = 'J';
    printf("%.5s %.5s\n", copy, map);
    show("map to write what is read only", mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, other, 0) == MAP_FAILED ? -errno : 0);
    show("punch", SYS6(fallocate, fd, 3, 0, 0, 4096, 0));
    printf("zero: %d\n", map[0]);
    show("allocate", SYS6(fallocate, fd, 0, 0, 0, 40000, 0));
    fstat(fd, &st);
    printf("size %lld\n", (long long)st.st_size);
    close(fd);
    close(other);
    munmap(map, 4096);

    fd = create("sealed", 2);
    show("seals", seals(fd));
    ftruncate(fd, 8192);
    show("no such seal", add(fd, 0x100));
    show("shrink", add(fd, 2));
    show("shorter", SYS2(ftruncate, fd, 4096));
    show("longer", SYS2(ftruncate, fd, 12288));
    show("grow", add(fd, 4));
    show("longer", SYS2(ftruncate, fd, 20000));
    show("write within", pwrite(fd, "abc", 3, 0));
    show("write beyond", pwrite(fd, "abc", 3, 12288));
    show("write across the end", pwrite(fd, "abcdef", 6, 12285));
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    show("write seal, mapped", add(fd, 8));
    show("future write seal", add(fd, 0x10));
    strcpy(map, "through the map");
    show("write", pwrite(fd, "abc", 3, 0));
    show("map to write", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -errno : 0);
    munmap(map, 4096);
    show("write seal", add(fd, 8));
    map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    printf("map to read: %s\n", map == MAP_FAILED ? "failed" : map);
    show("make it writable", mprotect(map, 4096, PROT_READ | PROT_WRITE) ? -errno : 0);
    copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    copy[0] = 'T';
    printf("private: %s\n", copy);
    show("punch", SYS6(fallocate, fd, 3, 0, 0, 4096, 0));
    show("seals", seals(fd));
    show("the last", add(fd, 1));
    show("no more", add(fd, 2));
    show("seals", seals(fd));
    pid = fork();
    if (pid == 0) {
        show("the child", pwrite(fd, "abc", 3, 0) < 0 ? -errno : 0);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    fd = create("no exec", 8);
    fstat(fd, &st);
    printf("mode %#o seals %ld\n", st.st_mode, seals(fd));
    show("make it executable", fchmod(fd, 0755) ? -errno : 0);
    show("change its mode", fchmod(fd, 0600) ? -errno : 0);
    fstat(fd, &st);
    printf("mode %#o\n", st.st_mode);
    fd = create("exec", 0x10);
    fstat(fd, &st);
    printf("mode %#o seals %ld\n", st.st_mode, seals(fd));
    return 0;
}
