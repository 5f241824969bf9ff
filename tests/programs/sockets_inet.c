/* Sockets of the Internet families over loop-back: TCP and UDP, IPv4 and IPv6, options, errors. */
#include "common.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

static long r(long result) { return result < 0 ? -errno : result; }
typedef union { struct sockaddr a; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage s; } Address;
static Address loopback(int family, int port, socklen_t *len) {
    Address a = {0};
    a.a.sa_family = family;
    if (family == AF_INET) {
        a.v4.sin_port = htons(port);
        a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *len = sizeof a.v4;
    } else {
        a.v6.sin6_port = htons(port);
        a.v6.sin6_addr = in6addr_loopback;
        *len = sizeof a.v6;
    }
    return a;
}
static void show_address(const char *what, const Address *a, socklen_t len) {
    char text[64] = "?";
    if (len >= sizeof a->v4 && a->a.sa_family == AF_INET) inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof text);
    if (len >= sizeof a->v6 && a->a.sa_family == AF_INET6) inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof text);
    printf("%s: family %d, %d bytes, %s, port %s\n", what, a->a.sa_family, len, text, a->v4.sin_port ? "set" : "0");
}
static int listener(int family, Address *at, socklen_t *len) {
    int server = socket(family, SOCK_STREAM, 0), on = 1;
    *at = loopback(family, 0, len);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bind(server, &at->a, *len);
    listen(server, 8);
    getsockname(server, &at->a, len);
    return server;
}
static void show_poll(const char *what, int fd, int wait) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
    long n = r(poll(&p, 1, wait));
    printf("%s: poll %ld %#x\n", what, n, p.revents);
}
static void option(const char *what, int fd, int level, int name) {
    int value = -7;
    socklen_t len = sizeof value;
    long result = r(getsockopt(fd, level, name, &value, &len));
    printf("%s: %ld, value %d, %d bytes\n", what, result, value, len);
}
static long set(int fd, int level, int name, int value) { return r(setsockopt(fd, level, name, &value, sizeof value)); }

static void tcp(int family) {
    socklen_t len, got = sizeof(Address);
    Address at, peer = {0};
    char b[64] = {0};
    printf("-- family %d\n", family);
    int fresh = socket(family, SOCK_STREAM, 0);
    show_poll("fresh", fresh, 0);
    show("recv, no peer", r(recv(fresh, b, 8, 0)));
    show("send, no peer", r(send(fresh, b, 8, MSG_NOSIGNAL)));
    show("getpeername", r(getpeername(fresh, &peer.a, &got)));
    show("shutdown", r(shutdown(fresh, SHUT_RD)));
    show("accept, not listening", r(accept(fresh, NULL, NULL)));
    int server = listener(family, &at, &len);
    show_address("listens", &at, len);
    option("accepts", server, SOL_SOCKET, SO_ACCEPTCONN);
    int second = socket(family, SOCK_STREAM, 0);
    show("in use", r(bind(second, &at.a, len)));
    Address far = at;
    far.a.sa_family = family == AF_INET ? AF_INET6 : AF_INET;
    show("other family", r(bind(second, &far.a, len)));
    show("short", r(bind(second, &at.a, 8)));
    int client = socket(family, SOCK_STREAM, 0);
    show("connect", r(connect(client, &at.a, len)));
    show("again", r(connect(client, &at.a, len)));
    int served = accept4(server, &peer.a, &got, SOCK_NONBLOCK);
    show_address("accepted", &peer, got);
    printf("non-blocking %d\n", (fcntl(served, F_GETFL) & O_NONBLOCK) != 0);
    got = sizeof peer;
    getpeername(client, &peer.a, &got);
    printf("the peer is the server: %d\n", got == len && memcmp(&peer, &at, len) == 0);
    show("nothing yet", r(recv(served, b, 8, 0)));
    show_poll("served", served, 0);
    show("send", r(send(client, "0123456789", 10, 0)));
    show_poll("data", served, 1000);
    got = sizeof peer;
    show("recvfrom", r(recvfrom(served, b, 4, 0, &peer.a, &got)));
    printf("%d bytes of address\n", got);
    int waiting = -1;
    ioctl(served, FIONREAD, &waiting);
    printf("FIONREAD %d\n", waiting);
    show("trunc throws away", r(recv(served, b, 3, MSG_TRUNC)));
    show("rest", r(recv(served, b, sizeof b, 0)));
    printf("[%.3s]\n", b);
    show("urgent", r(send(client, "!", 1, MSG_OOB)));
    show_poll("urgent there", served, 1000);
    show("out of band", r(recv(served, b, 8, MSG_OOB)));
    show("twice", r(recv(served, b, 8, MSG_OOB)));
    show("shutdown", r(shutdown(client, SHUT_WR)));
    show_poll("half closed", served, 1000);
    show("end", r(recv(served, b, 8, 0)));
    show("answer", r(send(served, "still", 5, 0)));
    show("heard", r(recv(client, b, 8, 0)));
    show("send after", r(send(client, "x", 1, MSG_NOSIGNAL)));
    close(served);
    show_poll("closed", client, 1000);
    show("end", r(recv(client, b, 8, 0)));
    close(client);
    /* Reset. */
    client = socket(family, SOCK_STREAM, 0);
    connect(client, &at.a, len);
    served = accept(server, NULL, NULL);
    struct linger hard = {1, 0};
    show("linger", r(setsockopt(served, SOL_SOCKET, SO_LINGER, &hard, sizeof hard)));
    close(served);
    show_poll("reset", client, 1000);
    option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
    option("SO_ERROR, taken", client, SOL_SOCKET, SO_ERROR);
    show("recv", r(recv(client, b, 8, 0)));
    show("send", r(send(client, b, 8, MSG_NOSIGNAL)));
    close(client);
    /* In the background. */
    client = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    show("begun", r(connect(client, &at.a, len)));
    show_poll("done", client, 1000);
    option("SO_ERROR", client, SOL_SOCKET, SO_ERROR);
    show("connect again", r(connect(client, &at.a, len)));
    show("and again", r(connect(client, &at.a, len)));
    close(client);
    close(server);
    int nobody = socket(family, SOCK_STREAM, 0);
    show("nobody listens", r(connect(nobody, &at.a, len)));
    close(nobody);
    nobody = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    long begun = r(connect(nobody, &at.a, len));
    printf("begun: %s\n", begun == -EINPROGRESS || begun == -ECONNREFUSED ? "in progress or refused" : "?");
    if (begun == -EINPROGRESS) {
        poll(&(struct pollfd){nobody, POLLOUT, 0}, 1, 1000);
        option("SO_ERROR", nobody, SOL_SOCKET, SO_ERROR);
    } else {
        printf("SO_ERROR: 0, value 111, 4 bytes\n");
    }
    close(nobody);
    close(second);
    close(fresh);
}

static void options(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
    option("SO_TYPE", s, SOL_SOCKET, SO_TYPE);
    option("SO_PROTOCOL", s, SOL_SOCKET, SO_PROTOCOL);
    option("SO_DOMAIN", six, SOL_SOCKET, SO_DOMAIN);
    option("SO_REUSEADDR", s, SOL_SOCKET, SO_REUSEADDR);
    show("set", set(s, SOL_SOCKET, SO_REUSEADDR, 5));
    option("SO_REUSEADDR", s, SOL_SOCKET, SO_REUSEADDR);
    show("SO_KEEPALIVE", set(s, SOL_SOCKET, SO_KEEPALIVE, 1));
    show("TCP_KEEPIDLE", set(s, IPPROTO_TCP, TCP_KEEPIDLE, 77));
    show("TCP_KEEPINTVL", set(s, IPPROTO_TCP, TCP_KEEPINTVL, 7));
    show("TCP_KEEPCNT", set(s, IPPROTO_TCP, TCP_KEEPCNT, 3));
    option("TCP_KEEPIDLE", s, IPPROTO_TCP, TCP_KEEPIDLE);
    show("too much", set(s, IPPROTO_TCP, TCP_KEEPCNT, 1000));
    show("TCP_NODELAY", set(s, IPPROTO_TCP, TCP_NODELAY, 1));
    option("TCP_NODELAY", s, IPPROTO_TCP, TCP_NODELAY);
    show("TCP_CORK", set(s, IPPROTO_TCP, TCP_CORK, 1));
    show("TCP_QUICKACK", set(s, IPPROTO_TCP, TCP_QUICKACK, 0));
    show("TCP_DEFER_ACCEPT", set(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1));
    show("TCP_USER_TIMEOUT", set(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000));
    show("SO_RCVBUF", set(s, SOL_SOCKET, SO_RCVBUF, 20000));
    option("SO_RCVBUF", s, SOL_SOCKET, SO_RCVBUF);
    show("SO_SNDBUF", set(s, SOL_SOCKET, SO_SNDBUF, 30000));
    option("SO_SNDBUF", s, SOL_SOCKET, SO_SNDBUF);
    struct linger l = {1, 5}, told = {0, 0};
    socklen_t len = sizeof told;
    show("SO_LINGER", r(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l)));
    getsockopt(s, SOL_SOCKET, SO_LINGER, &told, &len);
    printf("%d %d, %d bytes\n", told.l_onoff, told.l_linger, len);
    struct tcp_info info = {0};
    len = sizeof info;
    show("TCP_INFO", r(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len)));
    printf("state %d\n", info.tcpi_state);
    show("IP_TTL", set(s, IPPROTO_IP, IP_TTL, 33));
    option("IP_TTL", s, IPPROTO_IP, IP_TTL);
    show("IP_TTL 999", set(s, IPPROTO_IP, IP_TTL, 999));
    show("IP_TOS", set(s, IPPROTO_IP, IP_TOS, 0x10));
    option("IPV6_V6ONLY", six, IPPROTO_IPV6, IPV6_V6ONLY);
    show("set", set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    show("IPv6's on IPv4", set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    option("unknown", s, SOL_SOCKET, 4321);
    option("unknown level", s, 4321, 1);
    show("too short", r(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, "x", 1)));
    show("bad address", r(syscall(SYS_setsockopt, s, SOL_SOCKET, SO_REUSEADDR, 16, 4)));
    show("UDP's on TCP", r(syscall(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_UDP)));
    show("protocol 250", r(syscall(SYS_socket, AF_INET, SOCK_STREAM, 250)));
    show("seqpacket", r(syscall(SYS_socket, AF_INET, SOCK_SEQPACKET, 0)));
    close(s);
    close(six);
}

static void udp(int family) {
    socklen_t len_a, len_b, got = sizeof(Address);
    Address a = loopback(family, 0, &len_a), b = loopback(family, 0, &len_b), from = {0};
    int one = socket(family, SOCK_DGRAM, 0), two = socket(family, SOCK_DGRAM, IPPROTO_UDP);
    char buf[64] = {0};
    printf("-- family %d\n", family);
    show("send, no peer", r(send(two, "x", 1, 0)));
    show("bind", r(bind(one, &a.a, len_a)));
    getsockname(one, &a.a, &len_a);
    show("sendto", r(sendto(two, "datagram", 8, 0, &a.a, len_a)));
    got = sizeof b;
    getsockname(two, &b.a, &got);
    printf("bound by sending: %d\n", b.v4.sin_port != 0);
    got = sizeof from;
    show("recvfrom", r(recvfrom(one, buf, sizeof buf, 0, &from.a, &got)));
    printf("from port of the sender: %d\n", from.v4.sin_port == b.v4.sin_port);
    show("answer", r(sendto(one, "answer", 6, 0, &from.a, got)));
    show("cut", r(recv(two, buf, 3, MSG_TRUNC)));
    show("connect", r(connect(two, &a.a, len_a)));
    show("send", r(send(two, "connected", 9, 0)));
    struct iovec v[2] = {{buf, 4}, {buf + 8, 4}};
    struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = v, .msg_iovlen = 2};
    show("recvmsg", r(recvmsg(one, &m, 0)));
    printf("flags %#x, %d bytes of address, [%.4s] [%.4s]\n", m.msg_flags, m.msg_namelen, buf, buf + 8);
    show("zero bytes", r(send(two, "", 0, 0)));
    show_poll("there", one, 1000);
    show("zero", r(recv(one, buf, 8, 0)));
    static char big[70000];
    show("too big", r(send(two, big, sizeof big, MSG_DONTWAIT)));
    show("nothing", r(recv(one, buf, 8, MSG_DONTWAIT)));
    close(one);
    show("to nobody", r(send(two, "x", 1, 0)));
    show_poll("refused", two, 1000);
    show("told", r(recv(two, buf, 8, MSG_DONTWAIT)));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    show("disconnect", r(connect(two, &none, sizeof none)));
    show("no peer", r(send(two, "x", 1, 0)));
    show("listen", r(listen(two, 1)));
    close(two);
}

/* Where a datagram went to, and how far it came. */
static void control(void) {
    socklen_t len;
    Address a = loopback(AF_INET, 0, &len);
    int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
    char buf[16], space[256];
    bind(one, &a.a, len);
    getsockname(one, &a.a, &len);
    set(one, IPPROTO_IP, IP_PKTINFO, 1);
    set(one, IPPROTO_IP, IP_RECVTTL, 1);
    set(two, IPPROTO_IP, IP_TTL, 42);
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_name = &a, .msg_namelen = len, .msg_iov = &v, .msg_iovlen = 1};
    show("sendmsg", r(sendmsg(two, &m, 0)));
    v = (struct iovec){buf, sizeof buf};
    m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    show("recvmsg", r(recvmsg(one, &m, 0)));
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        printf("level %d type %d, %d bytes", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_type == IP_TTL) printf(", ttl %d", *(int *)CMSG_DATA(c));
        if (c->cmsg_type == IP_PKTINFO) printf(", to %s", inet_ntoa(((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr));
        printf("\n");
    }
    close(one);
    close(two);
}

/* A server that forks, and clients that do. */
static void family_of_servers(void) {
    socklen_t len;
    Address at;
    int server = listener(AF_INET, &at, &len), ends[2];
    pipe(ends);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            for (int n = 0; n < 5; n++) {
                int c = accept(server, NULL, NULL);
                char b[16];
                long got = read(c, b, sizeof b);
                for (long k = 0; k < got; k++) b[k] ^= 0x20;
                write(c, b, got);
                close(c);
            }
            _exit(0);
        }
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            char good = 0;
            for (int n = 0; n < 5; n++) {
                int c = socket(AF_INET, SOCK_STREAM, 0);
                char b[16] = {0};
                connect(c, &at.a, len);
                write(c, "abcdef", 6);
                good += read(c, b, sizeof b) == 6 && memcmp(b, "ABCDEF", 6) == 0;
                close(c);
            }
            write(ends[1], &good, 1);
            _exit(0);
        }
    int total = 0;
    char good;
    for (int i = 0; i < 4; i++) total += read(ends[0], &good, 1) == 1 ? good : 0;
    while (wait(NULL) > 0) ;
    printf("answered: %d\n", total);
    close(server);
}

int main(void) {
    printf("== tcp\n"); tcp(AF_INET); tcp(AF_INET6);
    printf("== options\n"); options();
    printf("== udp\n"); udp(AF_INET); udp(AF_INET6);
    printf("== control\n"); control();
    printf("== servers\n"); family_of_servers();
    return 0;
}
