/* UNIX sockets: kinds, names, rights, credentials, errors. */
#include "common.h"
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <netinet/in.h>

static long r(long result) { return result < 0 ? -errno : result; }
static void show_poll(const char *what, int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
    long n = r(poll(&p, 1, 0));
    printf("%s: poll %ld %#x\n", what, n, p.revents);
}
static struct sockaddr_un path_name(const char *path, socklen_t *len) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    *len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
    return a;
}
static struct sockaddr_un abstract(const char *name, socklen_t *len) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path + 1, name, strlen(name));
    *len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    return a;
}
static void show_name(const char *what, long result, struct sockaddr_un *a, socklen_t len) {
    if (result < 0) { show(what, result); return; }
    printf("%s: family %d, %d bytes, ", what, len >= 2 ? a->sun_family : -1, len);
    for (int i = 0; i < (int)len - 2; i++) printf(a->sun_path[i] >= ' ' ? "%c" : "\\%d", a->sun_path[i]);
    printf("\n");
}
static void show_own(const char *what, int fd) {
    struct sockaddr_un a = {0};
    socklen_t len = sizeof a;
    long result = r(getsockname(fd, (void *)&a, &len));
    show_name(what, result, &a, len);
}
static void show_peer(const char *what, int fd) {
    struct sockaddr_un a = {0};
    socklen_t len = sizeof a;
    long result = r(getpeername(fd, (void *)&a, &len));
    show_name(what, result, &a, len);
}
static long bind_to(int fd, struct sockaddr_un a, socklen_t len) { return r(bind(fd, (void *)&a, len)); }
static long connect_to(int fd, struct sockaddr_un a, socklen_t len) { return r(connect(fd, (void *)&a, len)); }

static void pairs(void) {
    static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int k = 0; k < 3; k++) {
        int s[2];
        char b[64] = {0};
        printf("-- kind %d\n", kinds[k]);
        show("pair", r(socketpair(AF_UNIX, kinds[k], 0, s)) );
        show("send", r(send(s[0], "hello", 5, 0)));
        show("write", r(write(s[0], "world!", 6)));
        int waiting = -1;
        show("FIONREAD", r(ioctl(s[1], FIONREAD, &waiting)));
        printf("waiting %d\n", waiting);
        show_poll("both there", s[1]);
        show("peek", r(recv(s[1], b, 3, MSG_PEEK)));
        show("peek, whole length", r(recv(s[1], b, 3, MSG_PEEK | MSG_TRUNC)));
        show("read 3", r(read(s[1], b, 3)));
        memset(b, 0, sizeof b);
        show("read all", r(recv(s[1], b, sizeof b, MSG_DONTWAIT)));
        printf("[%s]\n", b);
        show("empty", r(recv(s[1], b, sizeof b, MSG_DONTWAIT)));
        struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}}, in[2] = {{b, 1}, {b + 10, 20}};
        show("writev", r(writev(s[0], v, 3)));
        memset(b, 0, sizeof b);
        show("readv", r(readv(s[1], in, 2)));
        printf("[%s] [%s]\n", b, b + 10);
        show("zero bytes", r(send(s[0], "", 0, 0)));
        show("zero bytes read", r(recv(s[1], b, sizeof b, MSG_DONTWAIT)));
        show("shut write", r(shutdown(s[0], SHUT_WR)));
        show_poll("peer shut", s[1]);
        show("end", r(recv(s[1], b, sizeof b, MSG_DONTWAIT)));
        show("send after shut", r(send(s[0], "x", 1, MSG_NOSIGNAL)));
        show("shut nonsense", r(shutdown(s[0], 7)));
        close(s[0]);
        show_poll("peer closed", s[1]);
        show("send to nobody", r(send(s[1], "x", 1, MSG_NOSIGNAL)));
        show("pread", r(pread(s[1], b, 1, 0)));
        show("lseek", r(lseek(s[1], 0, SEEK_CUR)));
        struct stat st;
        fstat(s[1], &st);
        printf("is a socket: %d, mode %o\n", S_ISSOCK(st.st_mode), st.st_mode & 0777);
        close(s[1]);
    }
    int s[2];
    show("pair of IPv4", r(socketpair(AF_INET, SOCK_STREAM, 0, s)));
    show("pair of 99", r(socketpair(99, SOCK_STREAM, 0, s)));
    show("kind 9", r(socketpair(AF_UNIX, 9, 0, s)));
    show("kind 0", r(socket(AF_UNIX, 0, 0)));
    show("kind 77", r(socket(AF_UNIX, 77, 0)));
    show("protocol 5", r(socket(AF_UNIX, SOCK_STREAM, 5)));
    show("flags", r(socket(AF_UNIX, SOCK_STREAM | 0x100, 0)));
    show("family 200", r(socket(200, SOCK_STREAM, 0)));
    show("bad address", r(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8)));
}

static void names(void) {
    socklen_t len;
    struct sockaddr_un a = path_name("sock.path", &len);
    unlink("sock.path");
    int server = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    show_own("unbound", server);
    show("listen unbound", r(listen(server, 1)));
    show("connect to nothing", connect_to(client, a, len));
    show("bind", bind_to(server, a, len));
    show_own("bound", server);
    show("bind again", bind_to(server, a, len));
    show("bind another", bind_to(other, a, len));
    socklen_t second_len;
    struct sockaddr_un second = path_name("sock.second", &second_len);
    show("bind to a second name", bind_to(server, second, second_len));
    show("which is not there", r(access("sock.second", F_OK)));
    show("not listening yet", connect_to(client, a, len));
    show("accept before", r(accept(server, NULL, NULL)));
    show("listen", r(listen(server, 1)));
    show("listen again", r(listen(server, 3)));
    show_poll("listening", server);
    struct stat st;
    stat("sock.path", &st);
    printf("node: socket %d, mode %o\n", S_ISSOCK(st.st_mode), st.st_mode & 0777);
    show("open it", r(open("sock.path", O_RDWR)));
    show("connect", connect_to(client, a, len));
    show_poll("a client waits", server);
    show("connect again", connect_to(client, a, len));
    struct sockaddr_un from = {0};
    socklen_t from_len = sizeof from;
    int served = accept4(server, (void *)&from, &from_len, SOCK_CLOEXEC);
    show_name("accepted", served < 0 ? -errno : 0, &from, from_len);
    printf("cloexec %d\n", fcntl(served, F_GETFD));
    show_peer("client's peer", client);
    show_own("served", served);
    show_peer("served's peer", served);
    show("talk", r(write(client, "abc", 3)));
    char b[16] = {0};
    show("heard", r(read(served, b, sizeof b)));
    show("sendto, connected", r(sendto(client, "x", 1, 0, (void *)&a, len)));
    show("accept on a connection", r(accept(client, NULL, NULL)));
    show("wrong kind", connect_to(socket(AF_UNIX, SOCK_DGRAM, 0), a, len));
    fcntl(server, F_SETFL, O_NONBLOCK);
    show("nobody waits", r(accept(server, NULL, NULL)));
    close(served);
    show("rename", r(rename("sock.path", "sock.moved")));
    show("old name", connect_to(other, a, len));
    struct sockaddr_un moved = path_name("sock.moved", &len);
    show("new name", connect_to(other, moved, len));
    close(server);
    show("server gone", connect_to(socket(AF_UNIX, SOCK_STREAM, 0), moved, len));
    show("bind over its node", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), moved, len));
    unlink("sock.moved");
    close(open("plain.file", O_CREAT | O_RDWR, 0644));
    struct sockaddr_un plain = path_name("plain.file", &len);
    show("a file", connect_to(socket(AF_UNIX, SOCK_STREAM, 0), plain, len));
    unlink("plain.file");
    struct sockaddr_un far = path_name("no.folder/x", &len);
    show("no folder", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), far, len));
    show("short address", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), a, 1));
    show("long address", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), a, 111));
    show("longer address", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), a, 200));
    struct sockaddr_un wrong = a;
    wrong.sun_family = AF_INET;
    show("wrong family", bind_to(socket(AF_UNIX, SOCK_STREAM, 0), wrong, sizeof wrong));
    show("connect, family only", connect_to(socket(AF_UNIX, SOCK_STREAM, 0), a, 2));
    show("bad pointer", r(syscall(SYS_bind, socket(AF_UNIX, SOCK_STREAM, 0), 16, 10)));
    close(client);
    close(other);
}

static void abstract_names(void) {
    socklen_t len;
    struct sockaddr_un a = abstract("e2e.trunnion.name", &len);
    int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
    show("abstract: refused", connect_to(two, a, len));
    show("abstract: bind", bind_to(one, a, len));
    show("abstract: in use", bind_to(two, a, len));
    show_own("abstract: own", one);
    listen(one, 5);
    show("abstract: connect", connect_to(two, a, len));
    show_peer("abstract: peer", two);
    show("abstract: a longer name", connect_to(socket(AF_UNIX, SOCK_STREAM, 0), a, len + 1));
    close(one);
    int again = socket(AF_UNIX, SOCK_STREAM, 0);
    show("abstract: free again", bind_to(again, a, len));
    int any = socket(AF_UNIX, SOCK_DGRAM, 0);
    show("autobind", bind_to(any, a, 2));
    struct sockaddr_un chosen = {0};
    socklen_t chosen_len = sizeof chosen;
    getsockname(any, (void *)&chosen, &chosen_len);
    printf("chosen: %d bytes, zero first %d\n", chosen_len, chosen.sun_path[0] == 0);
    show("autobind again", bind_to(any, a, 2));
    close(any);
    close(again);
    close(two);
}

static void datagrams(void) {
    socklen_t len_a, len_b;
    struct sockaddr_un a = path_name("dgram.a", &len_a), b = path_name("dgram.b", &len_b), from;
    unlink("dgram.a");
    unlink("dgram.b");
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[64] = {0};
    show("no peer", r(send(two, "x", 1, 0)));
    bind_to(one, a, len_a);
    show("from nameless", r(sendto(two, "first", 5, 0, (void *)&a, len_a)));
    bind_to(two, b, len_b);
    show("from b", r(sendto(two, "second", 6, 0, (void *)&a, len_a)));
    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof from;
        memset(&from, 0, sizeof from);
        long n = r(recvfrom(one, buf, sizeof buf, 0, (void *)&from, &len));
        printf("%.*s, ", (int)n, buf);
        if (len == 0) printf("nameless\n"); else show_name("from", 0, &from, len);
    }
    show("answer", r(sendto(one, "back", 4, 0, (void *)&b, len_b)));
    show("answered", r(recv(two, buf, sizeof buf, 0)));
    show("connect", connect_to(two, a, len_a));
    show_peer("peer", two);
    show("send", r(send(two, "third", 5, 0)));
    show("cut", r(recv(one, buf, 2, 0)));
    show("rest is gone", r(recv(one, buf, 2, MSG_DONTWAIT)));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    show("disconnect", r(connect(two, &none, sizeof none)));
    show("no peer now", r(send(two, "x", 1, 0)));
    close(one);
    show("gone", r(sendto(two, "x", 1, 0, (void *)&a, len_a)));
    show("listen", r(listen(two, 1)));
    show("no such", r((unlink("dgram.a"), sendto(two, "x", 1, 0, (void *)&a, len_a))));
    close(two);
    unlink("dgram.b");
}

/* Sends or receives one byte with descriptors. */
static long send_fds(int to, const int *fds, int count) {
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct iovec v = {"f", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int) * count), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    return r(sendmsg(to, &m, 0));
}
static long receive_fds(int from, int *fds, int room, int flags, int *result_flags) {
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0}, b[8];
    struct iovec v = {b, sizeof b};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
    long n = r(recvmsg(from, &m, flags)), count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); n >= 0 && c; c = CMSG_NXTHDR(&m, c)) {
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        printf("level %d type %d, %ld, controllen %d\n", c->cmsg_level, c->cmsg_type, count, (int)m.msg_controllen);
        memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    }
    *result_flags = m.msg_flags;
    return n < 0 ? n : count;
}

static void rights(void) {
    int s[2], got[16], flags, p[2], q[2];
    char b[32] = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pipe(p);
    int file = open("rights.file", O_CREAT | O_RDWR | O_TRUNC, 0600);
    write(file, "0123456789", 10);
    lseek(file, 3, SEEK_SET);
    int sent[3] = {file, p[1], s[0]};
    show("send three", send_fds(s[0], sent, 3));
    show("received", receive_fds(s[1], got, CMSG_SPACE(16 * sizeof(int)), MSG_CMSG_CLOEXEC, &flags));
    printf("flags %#x, cloexec %d\n", flags & ~MSG_CMSG_CLOEXEC, fcntl(got[0], F_GETFD));
    close(file);
    show("its offset", r(read(got[0], b, 2)));
    printf("[%s]\n", b);
    show("the pipe", r(write(got[1], "through", 7)));
    show("read", r(read(p[0], b, sizeof b)));
    show("the socket itself", r(write(got[2], "loop", 4)));
    show("heard", r(read(s[1], b, sizeof b)));
    close(got[0]); close(got[1]); close(got[2]); close(p[1]);
    show("the pipe ends", r(read(p[0], b, sizeof b)));
    /* A file and its dup in another process share the offset. */
    file = open("rights.file", O_RDWR);
    if (fork() == 0) {
        show("child receives", receive_fds(s[1], got, CMSG_SPACE(16 * sizeof(int)), 0, &flags));
        printf("access %d\n", fcntl(got[0], F_GETFL) & O_ACCMODE);
        read(got[0], b, 4);
        _exit(write(s[1], "d", 1) == 1 ? 0 : 1);
    }
    long one = send_fds(s[0], &file, 1);
    read(s[0], b, 1);
    wait(NULL);
    show("send one", one);
    show("offset moved by the child", r(lseek(file, 0, SEEK_CUR)));
    /* No room. */
    int two[2] = {file, file};
    send_fds(s[0], two, 2);
    show("room for one", receive_fds(s[1], got, CMSG_LEN(sizeof(int)), 0, &flags));
    printf("cut %d\n", (flags & MSG_CTRUNC) != 0);
    close(got[0]);
    send_fds(s[0], two, 2);
    show("no room", receive_fds(s[1], got, 0, 0, &flags));
    printf("cut %d\n", (flags & MSG_CTRUNC) != 0);
    send_fds(s[0], two, 1);
    show("plain read", r(read(s[1], b, sizeof b)));
    /* Bytes before and behind do not mix with those that carry. */
    write(s[0], "aa", 2);
    send_fds(s[0], two, 1);
    write(s[0], "bb", 2);
    for (int i = 0; i < 3; i++) {
        char control[64];
        struct iovec v = {b, sizeof b};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        long n = r(recvmsg(s[1], &m, MSG_DONTWAIT));
        printf("%ld bytes, %s\n", n, CMSG_FIRSTHDR(&m) && n > 0 ? "with files" : "alone");
        if (n > 0 && CMSG_FIRSTHDR(&m)) close(*(int *)CMSG_DATA(CMSG_FIRSTHDR(&m)));
    }
    int bad = 999;
    show("a bad one", send_fds(s[0], &bad, 1));
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    show("a folder", send_fds(s[0], &dir, 1));
    show("received", receive_fds(s[1], got, CMSG_SPACE(16 * sizeof(int)), 0, &flags));
    show("openat", (q[0] = (int)r(openat(got[0], "rights.file", O_RDONLY))) < 0 ? q[0] : 0);
    unlink("rights.file");
    close(dir); close(got[0]); close(s[0]); close(s[1]); close(p[0]); close(file);
}

static void credentials(void) {
    int s[2], on = 1;
    struct ucred u = {0};
    socklen_t len = sizeof u;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    show("SO_PEERCRED", r(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len)));
    printf("me %d, uid %d, %d bytes\n", u.pid == getpid(), u.uid == getuid(), len);
    len = sizeof on;
    show("SO_PASSCRED", r(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on)));
    on = 9;
    getsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, &len);
    printf("is %d\n", on);
    int child = fork();
    if (child == 0) _exit(send(s[0], "c", 1, 0) == 1 ? 0 : 1);
    waitpid(child, NULL, 0);
    char control[64] = {0}, b[4];
    struct iovec v = {b, sizeof b};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    show("from the child", r(recvmsg(s[1], &m, 0)));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c) {
        memcpy(&u, CMSG_DATA(c), sizeof u);
        printf("type %d, uid %d, gid %d\n", c->cmsg_type, u.uid == getuid(), u.gid == getgid());
    }
    close(s[0]);
    close(s[1]);
}

static volatile int rings;
static void ring(int number, siginfo_t *info, void *context) { rings++; }

static void waiting(void) {
    int s[2];
    char b[8];
    struct timeval limit = {0, 40000}, told = {9, 9};
    socklen_t len = sizeof told;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    show("set a limit", r(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)));
    show("get it", r(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &told, &len)));
    printf("%ld s %ld us, %d bytes\n", told.tv_sec, told.tv_usec, len);
    show("waits so long", r(recv(s[0], b, 8, 0)));
    show("read, too", r(read(s[0], b, 8)));
    limit.tv_usec = 1000000;
    show("nonsense", r(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)));
    show("short", r(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, 4)));
    on(SIGALRM, ring, 0);
    /* Again and again: the first may come before the call. */
    ualarm(20000, 20000);
    show("interrupted", r(recv(s[1], b, 8, 0)));
    on(SIGALRM, ring, SA_RESTART);
    limit = (struct timeval){5, 0};
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ualarm(20000, 20000);
    show("with a limit, not begun again", r(recv(s[0], b, 8, 0)));
    if (fork() == 0) { usleep(60000); _exit(write(s[0], "late", 4) == 4 ? 0 : 1); }
    ualarm(20000, 20000);
    show("begun again", r(recv(s[1], b, 8, 0)));
    wait(NULL);
    ualarm(0, 0);
    printf("rang %d\n", rings >= 3);
    /* All of it: twice what is asked for at once. */
    if (fork() == 0) {
        for (int i = 0; i < 8; i++) { usleep(3000); send(s[0], "x", 1, 0); }
        _exit(0);
    }
    show("MSG_WAITALL", r(recv(s[1], b, 8, MSG_WAITALL)));
    wait(NULL);
    /* More than the buffers hold. */
    static char big[2000000];
    if (fork() == 0) {
        close(s[0]);
        long sum = 0, n;
        while ((n = read(s[1], big, 65536)) > 0) sum += n;
        printf("read %ld\n", sum);
        _exit(0);
    }
    close(s[1]);
    show("send much", r(send(s[0], big, sizeof big, 0)));
    close(s[0]);
    wait(NULL);
    /* A full queue of clients. */
    socklen_t name_len;
    struct sockaddr_un a = abstract("e2e.trunnion.queue", &name_len);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(server, a, name_len);
    listen(server, 0);
    long last = 0;
    for (int i = 0; i < 10 && last == 0; i++) last = connect_to(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), a, name_len);
    show("a full queue", last);
    if (fork() == 0) { usleep(30000); accept(server, NULL, NULL); usleep(200000); _exit(0); }
    show("waits for room", connect_to(socket(AF_UNIX, SOCK_STREAM, 0), a, name_len));
    wait(NULL);
    close(server);
}

static void many(void) {
    int s[2];
    char b[4][8] = {{0}};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    struct iovec out[3] = {{"one", 3}, {"three", 5}, {"", 0}}, in[4];
    struct mmsghdr m[4] = {0};
    for (int i = 0; i < 3; i++) m[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    show("sendmmsg", r(sendmmsg(s[0], m, 3, 0)));
    printf("%u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
    for (int i = 0; i < 4; i++) {
        in[i] = (struct iovec){b[i], 4};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &in[i], .msg_iovlen = 1}};
    }
    show("recvmmsg", r(recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL)));
    for (int i = 0; i < 3; i++) printf("%u %.4s %#x\n", m[i].msg_len, b[i], m[i].msg_hdr.msg_flags);
    show("empty", r(recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL)));
    int pipes[2];
    pipe(pipes);
    show("send to a pipe", r(send(pipes[1], "x", 1, 0)));
    show("a closed one", r(send(77, "x", 1, 0)));
    int value = 0;
    socklen_t len = sizeof value;
    show("SO_TYPE", r(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &len)));
    printf("%d\n", value);
    show("SO_DOMAIN", r(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &len)));
    printf("%d\n", value);
    show("SO_ACCEPTCONN", r(getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &len)));
    printf("%d\n", value);
    show("unknown", r(getsockopt(s[0], SOL_SOCKET, 9999, &value, &len)));
    show("TCP's", r(setsockopt(s[0], IPPROTO_TCP, 1, &value, sizeof value)));
    len = -1;
    show("negative", r(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &len)));
    long args[4] = {AF_UNIX, SOCK_STREAM, 0, (long)pipes};
    show("socketcall", SYS2(socketcall, 8, args));
    show("socketcall 0", SYS2(socketcall, 0, args));
    show("socketcall 99", SYS2(socketcall, 99, args));
}

int main(void) {
    printf("== pairs\n"); pairs();
    printf("== names\n"); names();
    printf("== abstract names\n"); abstract_names();
    printf("== datagrams\n"); datagrams();
    printf("== rights\n"); rights();
    printf("== credentials\n"); credentials();
    printf("== waiting\n"); waiting();
    printf("== many\n"); many();
    return 0;
}
