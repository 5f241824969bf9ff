// Pseudo-terminals: numbers and locks, the line discipline, controlling terminals, signals, hang-ups.
#include "common.h"

#include <poll.h>
#include <sys/sysmacros.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#ifndef TIOCGPTLCK
#define TIOCGPTLCK 0x80045439
#endif

// The result of a call, or the error as a negative number.
#define R(call) ({ int r_ = (call); r_ < 0 ? -errno : r_; })

static char slave_name[32];

static void bytes_of(const char *what, const char *bytes, int n) {
    char line[300];
    int at = 0;
    for (int i = 0; i < n && at < 280; i++) {
        unsigned char c = bytes[i];
        if (c >= ' ' && c < 127)
            line[at++] = c;
        else
            at += snprintf(line + at, 8, "<%d>", c);
    }
    line[at] = 0;
    printf("%s: %s\n", what, line);
}

// Reads until `n` bytes have come, or half a second has passed.
static void gather(const char *what, int fd, int n) {
    char bytes[256];
    int have = 0, error = 0;
    while (have < n) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 500) <= 0) break;
        int r = read(fd, bytes + have, n - have);
        if (r < 0) error = errno;
        if (r <= 0) break;
        have += r;
    }
    bytes_of(what, bytes, have);
    if (error) printf("%s: error %d\n", what, error);
}

static int ready(int fd, int events) {
    struct pollfd p = {fd, events, 0};
    poll(&p, 1, 0);
    return p.revents;
}

static int make(int flags) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | flags);
    int number = -1, locked = 0;
    ioctl(master, TIOCGPTN, &number);
    snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", number);
    ioctl(master, TIOCSPTLCK, &locked);
    return master;
}

static void numbers_and_locks(void) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), other = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int one = -1, two = -1, locked = -1;
    printf("numbers %d %d", ioctl(master, TIOCGPTN, &one), ioctl(other, TIOCGPTN, &two));
    printf(" distinct %d\n", one != two);
    close(other);
    printf("locked %d", ioctl(master, TIOCGPTLCK, &locked));
    printf(" %d\n", locked);
    snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", one);
    printf("open while locked %d\n", R(open(slave_name, O_RDWR | O_NOCTTY)));
    printf("peer while locked %d\n", R(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
    locked = 0;
    printf("unlock %d\n", ioctl(master, TIOCSPTLCK, &locked));
    int slave = open(slave_name, O_RDWR | O_NOCTTY);
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    printf("open %d peer %d\n", slave >= 0, peer >= 0);
    struct stat a, b, c;
    printf("stat %d %d %d\n", fstat(slave, &a), stat(slave_name, &b), fstat(master, &c));
    printf("major %d minor %d same %d inode %d\n", major(a.st_rdev), minor(a.st_rdev) == one,
           a.st_rdev == b.st_rdev && a.st_ino == b.st_ino && a.st_dev == b.st_dev, (int)a.st_ino - one);
    printf("master %d:%d\n", major(c.st_rdev), minor(c.st_rdev));
    printf("ttyname %d isatty %d %d\n", strcmp(ttyname(slave), slave_name), isatty(master), isatty(slave));
    printf("TIOCGPTN of a slave %d\n", R(ioctl(slave, TIOCGPTN, &two)));
    printf("TIOCGSID %d\n", R(ioctl(slave, TIOCGSID, &two)));
    printf("tcgetpgrp %d", R(tcgetpgrp(slave)));
    printf(" master %d\n", tcgetpgrp(master));
    printf("seek %d\n", R((int)lseek(slave, 0, SEEK_SET)));
    close(peer);
    close(slave);
    close(master);
    printf("gone %d\n", R(open(slave_name, O_RDWR | O_NOCTTY)));
    printf("nothing there %d\n", R(open("/dev/pts/99999", O_RDWR)));
}

static void discipline(void) {
    int master = make(0), slave = open(slave_name, O_RDWR | O_NOCTTY);
    struct termios t, m;
    printf("tcgetattr %d %d", tcgetattr(slave, &t), tcgetattr(master, &m));
    printf(" i %o o %o c %o l %o same %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, memcmp(&t, &m, 36));
    bytes_of("characters", (char *)t.c_cc, 17);
    write(master, "abc", 3);
    gather("echo", master, 3);
    printf("a part of a line %x\n", ready(slave, POLLIN));
    write(master, "\x7f!\n", 3);
    gather("erased", master, 6);
    gather("line", slave, 4);
    write(master, "one\ntwo\nend\x04", 12);
    gather("lines", slave, 4);
    gather("lines", slave, 4);
    gather("to the end", slave, 3);
    gather("echoes", master, 13);
    write(slave, "out\n", 4);
    gather("processed", master, 5);
    write(master, "\x04", 1);
    usleep(20000);
    char byte;
    printf("end of file %d\n", (int)read(slave, &byte, 1));
    write(master, "\x16\x03x\n", 4);
    gather("literal", slave, 3);
    usleep(20000);
    tcflush(master, TCIOFLUSH);
    gather("echo of it", master, 6);

    cfmakeraw(&t);
    t.c_cc[VMIN] = 3;
    t.c_cc[VTIME] = 0;
    printf("raw %d\n", tcsetattr(slave, TCSAFLUSH, &t));
    write(master, "\x03y", 2);
    int waiting = -1;
    for (int i = 0; i < 400 && waiting != 2; i++) usleep(5000), ioctl(slave, FIONREAD, &waiting);
    printf("FIONREAD %d", ioctl(slave, FIONREAD, &waiting));
    printf(" %d\n", waiting);
    write(master, "z", 1);
    char bytes[8];
    int n = read(slave, bytes, 8);
    bytes_of("three", bytes, n);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    tcsetattr(slave, TCSANOW, &t);
    printf("in time %d\n", (int)read(slave, bytes, 8));
    fcntl(slave, F_SETFL, O_NONBLOCK);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(slave, TCSANOW, &t);
    printf("nothing %d\n", R((int)read(slave, bytes, 8)));

    struct winsize w = {24, 80, 1, 2}, got = {0};
    printf("size %d %d", ioctl(slave, TIOCGWINSZ, &got), got.ws_row);
    printf(" set %d", ioctl(master, TIOCSWINSZ, &w));
    printf(" get %d", ioctl(slave, TIOCGWINSZ, &got));
    printf(" %d %d %d %d\n", got.ws_row, got.ws_col, got.ws_xpixel, got.ws_ypixel);

    printf("events %x %x\n", ready(master, POLLIN | POLLOUT), ready(slave, POLLIN | POLLOUT));
    write(slave, "last", 4);
    close(slave);
    gather("after the slave", master, 4);
    printf("read %d events %x\n", R((int)read(master, bytes, 8)), ready(master, POLLIN));
    slave = open(slave_name, O_RDWR | O_NOCTTY);
    printf("again %d events %x\n", slave >= 0, ready(master, POLLIN));
    close(master);
    fcntl(slave, F_SETFL, 0);
    printf("after the master: read %d", (int)read(slave, bytes, 8));
    printf(" write %d", R((int)write(slave, "x", 1)));
    printf(" events %x", ready(slave, POLLIN));
    printf(" tcgetattr %d\n", R(tcgetattr(slave, &t)));
    close(slave);
}

static volatile int caught[32];

static void note(int signal) { caught[signal]++; }

static void watch(int signal) {
    struct sigaction action = {.sa_handler = note};
    sigaction(signal, &action, 0);
}

static void wait_for(const char *what, int signal) {
    for (int i = 0; i < 400 && !caught[signal]; i++) usleep(5000);
    printf("%s %d\n", what, caught[signal]);
    caught[signal] = 0;
}

static void sessions(void) {
    int master = make(0), other = make(0);
    char other_name[32];
    strcpy(other_name, slave_name);
    int number;
    ioctl(master, TIOCGPTN, &number);
    snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", number);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        close(master);
        printf("setsid %d\n", setsid() == getpid());
        printf("/dev/tty %d\n", R(open("/dev/tty", O_RDWR)));
        int slave = open(slave_name, O_RDWR | O_NOCTTY), value = -1;
        printf("not yet %d\n", R(ioctl(slave, TIOCGPGRP, &value)));
        printf("TIOCSCTTY %d", ioctl(slave, TIOCSCTTY, 0));
        printf(" again %d\n", ioctl(slave, TIOCSCTTY, 0));
        int second = open(other_name, O_RDWR | O_NOCTTY);
        printf("a second one %d\n", R(ioctl(second, TIOCSCTTY, 0)));
        int own = open("/dev/tty", O_RDWR);
        printf("/dev/tty %d group %d session %d\n", own >= 0, tcgetpgrp(own) == getpid(), tcgetsid(own) == getpid());
        watch(SIGINT), watch(SIGQUIT), watch(SIGTSTP), watch(SIGWINCH), watch(SIGHUP), watch(SIGCONT), watch(SIGTTOU);
        write(own, "R", 1);
        wait_for("SIGINT", SIGINT);
        write(own, "R", 1);
        wait_for("SIGQUIT", SIGQUIT);
        write(own, "R", 1);
        wait_for("SIGTSTP", SIGTSTP);
        write(own, "R", 1);
        wait_for("SIGWINCH", SIGWINCH);
        struct winsize w;
        ioctl(own, TIOCGWINSZ, &w);
        printf("now %d %d\n", w.ws_row, w.ws_col);
        ioctl(own, TIOCSWINSZ, &w);
        usleep(20000);
        printf("the same size %d\n", caught[SIGWINCH]);
        fflush(stdout);

        // Another group: in the background it is stopped, in the foreground it reads.
        pid_t job = fork();
        if (!job) {
            signal(SIGTTOU, SIG_DFL);
            setpgid(0, 0);
            char bytes[8];
            int n = read(slave, bytes, 8);
            _exit(n == 3 ? 10 : 11);
        }
        setpgid(job, job);
        int status;
        printf("stopped %d", waitpid(job, &status, WUNTRACED) == job);
        printf(" by %d\n", WIFSTOPPED(status) ? WSTOPSIG(status) : -1);
        printf("tcsetpgrp %d\n", tcsetpgrp(slave, job));
        struct termios t;
        tcgetattr(slave, &t);
        printf("from the background %d", R(tcsetattr(slave, TCSANOW, &t)));
        printf(" SIGTTOU %d\n", caught[SIGTTOU]);
        signal(SIGTTOU, SIG_IGN);
        write(slave, "G", 1);
        kill(-job, SIGCONT);
        waitpid(job, &status, 0);
        printf("then %d\n", WEXITSTATUS(status));
        printf("back %d\n", tcsetpgrp(slave, getpid()));
        printf("no such group %d", R(tcsetpgrp(slave, 99999)));
        printf(" negative %d\n", R(tcsetpgrp(slave, -5)));
        caught[SIGCONT] = 0;
        write(own, "H", 1);
        wait_for("SIGHUP", SIGHUP);
        wait_for("SIGCONT", SIGCONT);
        printf("after it %d\n", R((int)read(slave, &value, 1)));
        printf("/dev/tty %d\n", R(open("/dev/tty", O_RDWR)));
        printf("the second one now %d\n", ioctl(second, TIOCSCTTY, 0));
        fflush(stdout);
        _exit(5);
    }
    close(other);
    struct winsize w = {5, 6, 0, 0};
    const char *typed[] = {"\x03", "\x1c", "\x1a"};
    char byte;
    for (int i = 0; i < 5; i++) {
        do {
            if (read(master, &byte, 1) != 1) _exit(9);
        } while (byte != 'R' && byte != 'G');
        if (byte == 'G')
            write(master, "in\n", 3);
        else if (i < 3)
            write(master, typed[i], 1);
        else
            ioctl(master, TIOCSWINSZ, &w);
    }
    do {
        if (read(master, &byte, 1) != 1) _exit(9);
    } while (byte != 'H');
    close(master);
    int status;
    waitpid(child, &status, 0);
    printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

// A session leader that opens a terminal has it; when the leader ends, the group in the foreground is told.
static void leaders(void) {
    int master = make(O_CLOEXEC);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        setsid();
        int slave = open(slave_name, O_RDWR);
        printf("by opening %d\n", tcgetpgrp(slave) == getpid());
        fflush(stdout);
        int ends[2];
        pipe(ends);
        pid_t job = fork();
        if (!job) {
            watch(SIGHUP);
            write(ends[1], "x", 1);
            for (int i = 0; i < 400 && !caught[SIGHUP]; i++) usleep(5000);
            write(slave, caught[SIGHUP] ? "told\n" : "not told\n", caught[SIGHUP] ? 5 : 9);
            _exit(0);
        }
        char byte;
        read(ends[0], &byte, 1);
        _exit(0);
    }
    gather("foreground", master, 6);
    waitpid(child, 0, 0);
    printf("its group %d\n", tcgetpgrp(master));
    close(master);
}

int main(void) {
    setvbuf(stdout, 0, _IOFBF, 65536);
    signal(SIGHUP, SIG_IGN);
    numbers_and_locks();
    discipline();
    sessions();
    leaders();
    fflush(stdout);
    return 0;
}
