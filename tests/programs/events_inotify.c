/* inotify(7): what happens to files, as records. */
#include "common.h"
#include <dirent.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

static int in, base;
static uint32_t cookie;

static void told(const char *what) {
    char buf[4096] __attribute__((aligned(8)));
    long n = SYS3(read, in, buf, sizeof buf);
    printf("%s:%s", what, n < 0 ? " -" : "");
    if (n < 0)
        printf("%s", errno_name(n));
    for (long at = 0; at < n;) {
        struct inotify_event *e = (struct inotify_event *)(buf + at);
        printf(" %d:%#x", e->wd == -1 ? -1 : e->wd - base, e->mask);
        if (e->len)
            printf(":%s(%u)", e->name, e->len);
        if (e->cookie) {
            printf(":%s", e->cookie == cookie ? "same" : "new");
            cookie = e->cookie;
        }
        at += sizeof *e + e->len;
    }
    printf("\n");
}

static void touch(const char *path) { close(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644)); }

int main(void) {
    char buf[64];
    int pending;
    struct stat st;
    show("bad flags", SYS1(inotify_init1, 1));
    in = SYS1(inotify_init1, O_NONBLOCK | O_CLOEXEC);
    printf("flags %#lx, descriptor's %ld\n", SYS3(fcntl64, in, F_GETFL, 0), SYS3(fcntl64, in, F_GETFD, 0));
    told("nothing");
    show("write", SYS3(write, in, buf, 4));
    mkdir("watched", 0755);
    mkdir("other", 0755);
    show("no mask", SYS3(inotify_add_watch, in, "watched", 0));
    show("unknown mask", SYS3(inotify_add_watch, in, "watched", 0x8000000));
    show("add and create", SYS3(inotify_add_watch, in, "watched", IN_CREATE | IN_MASK_ADD | 0x10000000));
    show("not there", SYS3(inotify_add_watch, in, "missing", IN_CREATE));
    show("nowhere", SYS3(inotify_add_watch, in, 16, IN_CREATE));
    show("closed", SYS3(inotify_add_watch, 99, "watched", IN_CREATE));
    show("no instance", SYS3(inotify_add_watch, 1, "watched", IN_CREATE));
    show("remove nothing", SYS2(inotify_rm_watch, in, 1));
    show("remove from nothing", SYS2(inotify_rm_watch, 1, 1));
    base = SYS3(inotify_add_watch, in, "watched", IN_ALL_EVENTS);
    printf("first %d\n", base);
    show("the same", SYS3(inotify_add_watch, in, "watched/.", IN_ALL_EVENTS) - base);
    show("create the same", SYS3(inotify_add_watch, in, "watched", IN_CREATE | 0x10000000));
    show("another", SYS3(inotify_add_watch, in, "other", IN_ALL_EVENTS) - base);

    touch("watched/file");
    ioctl(in, FIONREAD, &pending);
    printf("pending %d\n", pending);
    told("created");
    int fd = open("watched/file", O_RDWR);
    told("opened");
    write(fd, "abc", 3);
    lseek(fd, 0, SEEK_SET);
    read(fd, buf, 3);
    told("written and read");
    ftruncate(fd, 1);
    fchmod(fd, 0600);
    told("changed");
    close(fd);
    told("closed");
    fd = open("watched/file", O_RDONLY);
    close(fd);
    told("opened and closed");
    stat("watched/file", &st);
    access("watched/file", R_OK);
    told("looked at");
    rename("watched/file", "watched/a much longer name of a file");
    told("renamed");
    rename("watched/a much longer name of a file", "other/moved");
    told("moved");
    mkdir("watched/folder", 0755);
    told("a folder");
    DIR *d = opendir("watched");
    while (readdir(d))
        ;
    closedir(d);
    told("listed");
    rmdir("watched/folder");
    symlink("nothing", "watched/link");
    link("other/moved", "watched/linked");
    unlink("watched/link");
    told("links");
    unlink("watched/linked");
    told("unlinked");

    /* A file of its own, once. */
    int wd = SYS3(inotify_add_watch, in, "other/moved", IN_MODIFY | IN_ONESHOT);
    show("a file", wd - base);
    fd = open("other/moved", O_WRONLY | O_APPEND);
    write(fd, "1", 1);
    write(fd, "2", 1);
    close(fd);
    told("once");
    show("gone", SYS2(inotify_rm_watch, in, wd));
    show("only folders", SYS3(inotify_add_watch, in, "other/moved", IN_MODIFY | IN_ONLYDIR));
    symlink("moved", "other/link");
    told("a link");
    wd = SYS3(inotify_add_watch, in, "other/link", IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW);
    unlink("other/link");
    told("the link itself");
    show("fewer events", SYS3(inotify_add_watch, in, "other", IN_DELETE) - base);
    touch("other/x");
    show("and more", SYS3(inotify_add_watch, in, "other", IN_CREATE | IN_MASK_ADD) - base);
    touch("other/y");
    unlink("other/y");
    told("fewer, and more");

    /* Room. */
    unlink("other/x");
    unlink("other/moved");
    show("no room", SYS3(read, in, buf, 16));
    show("room for one", SYS3(read, in, buf, 32));
    told("the other");
    struct pollfd p = {in, POLLIN | POLLOUT | POLLRDNORM, 0};
    printf("poll %d %#x\n", poll(&p, 1, 0), p.revents);
    touch("other/z");
    poll(&p, 1, 1000);
    printf("poll %#x\n", p.revents);
    int set = epoll_create1(0);
    struct epoll_event e = {EPOLLIN | EPOLLOUT, {.u32 = 5}};
    epoll_ctl(set, EPOLL_CTL_ADD, in, &e);
    int n = epoll_wait(set, &e, 1, 0);
    printf("epoll %d %#x\n", n, e.events);
    told("created");
    printf("epoll %d\n", epoll_wait(set, &e, 1, 0));

    /* A reader that waits, a child that writes. */
    fcntl(in, F_SETFL, 0);
    int pid = fork();
    if (pid == 0) {
        usleep(30000);
        unlink("other/z");
        _exit(0);
    }
    told("waited");
    waitpid(pid, NULL, 0);
    fcntl(in, F_SETFL, O_NONBLOCK);
    show("remove", SYS2(inotify_rm_watch, in, base + 1));
    told("removed");
    rmdir("other");
    rmdir("watched");
    told("the folder is gone");
    char path[32], link[64] = {0};
    sprintf(path, "/proc/self/fd/%d", in);
    readlink(path, link, 63);
    printf("name %s\n", link);
    return 0;
}
