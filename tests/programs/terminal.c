/* A small shell for its terminal: settings, size, and job control as shells do it. Reads commands, one a line; the
 * driver (tests/e2e/terminal.rs) types them and the keys that the jobs are sent. The arguments are a command that `job`
 * runs; with the argument `secretive` it is such a job itself. */
#include "common.h"
#include <termios.h>
static volatile int resized;
static struct termios at_start;
static pid_t job; static char **command;
static void note(int n, siginfo_t *i, void *u) { (void)n; (void)i; (void)u; resized = 1; }
/* Not through stdio, in the midst of which it may come. */
static void told(int n, siginfo_t *i, void *u) { char line[40]; (void)i; (void)u; write(1, line, snprintf(line, sizeof line, "caught %s\n", sigabbrev_np(n))); }
static void size(void) { struct winsize w; memset(&w, 0, sizeof w); show("TIOCGWINSZ", ioctl(0, TIOCGWINSZ, &w)); printf("%d rows, %d columns\n", w.ws_row, w.ws_col); }
static void settings(void) {
    struct termios t; tcgetattr(0, &t);
    printf("input %o output %o control %o local %o line %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line);
    for (int i = 0; i < 17; i++) printf("%d%c", t.c_cc[i], i == 16 ? '\n' : ' ');
}
static void foreground(pid_t group) {
    sigset_t set, old; sigemptyset(&set); sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, &old); tcsetpgrp(0, group); sigprocmask(SIG_SETMASK, &old, NULL);
}
/* Waits for the job; the terminal is ours again. */
static void attend(void) {
    int status;
    if (waitpid(job, &status, WUNTRACED) < 0) { puts("no job"); return; }
    foreground(getpgrp());
    if (WIFSTOPPED(status)) printf("\nstopped by %s\n", sigabbrev_np(WSTOPSIG(status)));
    else { printf("\n"); show_status("job", status); tcsetattr(0, TCSADRAIN, &at_start); }
}
enum place { FRONT, BEHIND };
static void start(enum place place, void (*work)(void)) {
    job = fork();
    if (job == 0) {
        for (int n = 1; n < 32; n++) signal(n, SIG_DFL);
        setpgid(0, 0);
        if (place == FRONT) foreground(getpid());
        work();
        _exit(0);
    }
    setpgid(job, job);
    if (place == FRONT) foreground(job);
    attend();
}
static void sleeper(void) { on(SIGCONT, told, 0); puts("running"); for (;;) pause(); }
static void catcher(void) {
    sigset_t all, none; sigfillset(&all); sigemptyset(&none); sigprocmask(SIG_SETMASK, &all, NULL);
    on(SIGINT, told, 0); on(SIGQUIT, told, 0); on(SIGTSTP, told, 0); puts("running");
    for (int n = 0; n < 3; n++) show("sigsuspend", sigsuspend(&none) < 0 ? -errno : 0);
}
static void reader(void) { char c[80]; long n = SYS3(read, 0, c, 80); show("read", n); if (n > 0) printf("[%.*s]\n", (int)n - 1, c); }
static void deaf_reader(void) { signal(SIGTTIN, SIG_IGN); char c; show("read", SYS3(read, 0, &c, 1)); }
static void writer(void) { show("write", SYS3(write, 1, "written\n", 8)); }
static void changer(void) { struct termios t = at_start; t.c_lflag &= ~ECHO; show("TCSETS", SYS3(ioctl, 0, TCSETS, &t)); tcgetattr(0, &t); printf("echo %d\n", !!(t.c_lflag & ECHO)); }
static void runner(void) { execv(command[0], command); _exit(127); }
/* As a program that asks for a password: what is typed is not shown. */
static int secretive(void) {
    struct termios t = at_start; t.c_lflag &= ~ECHO;
    tcsetattr(0, TCSAFLUSH, &t); puts("running"); reader(); tcsetattr(0, TCSADRAIN, &at_start);
    return 0;
}
static void raw(void) {
    struct termios t = at_start; char c;
    cfmakeraw(&t); tcsetattr(0, TCSAFLUSH, &t); printf("raw now\r\n");
    do { if (read(0, &c, 1) != 1) break; printf("<%d>\r\n", c); } while (c != 'q');
    t.c_cc[VMIN] = 0; t.c_cc[VTIME] = 1; tcsetattr(0, TCSADRAIN, &t);
    printf("nothing within a tenth of a second: %d\r\n", (int)read(0, &c, 1));
    tcsetattr(0, TCSADRAIN, &at_start);
}
static void groups(void) {
    printf("foreground is ours %d, session is ours %d\n", tcgetpgrp(0) == getpgrp(), tcgetsid(0) == getsid(0));
    show("TIOCSPGRP of nobody", ioctl(0, TIOCSPGRP, &(int){0x3fffffff}) < 0 ? -errno : 0);
    show("TIOCSPGRP negative", ioctl(0, TIOCSPGRP, &(int){-5}) < 0 ? -errno : 0);
    show("TIOCSPGRP wild", SYS3(ioctl, 0, TIOCSPGRP, 16));
    show("TIOCGPGRP of a pipe", ({ int p[2]; pipe(p); ioctl(p[0], TIOCGPGRP, p) < 0 ? -errno : 0; }));
    int fd = open("/dev/tty", O_RDWR); worked("/dev/tty", fd < 0 ? -errno : fd); printf("a terminal %d\n", isatty(fd)); close(fd);
}
static void mind(int yes) { struct termios t = at_start; if (yes) t.c_lflag |= TOSTOP; tcsetattr(0, TCSADRAIN, &t); }
int main(int argc, char **argv) {
    static const struct { const char *name; enum place place; void (*work)(void); } jobs[] = {
        {"sleep", FRONT, sleeper}, {"catch", FRONT, catcher}, {"read", FRONT, reader}, {"read behind", BEHIND, reader},
        {"deaf read behind", BEHIND, deaf_reader}, {"write behind", BEHIND, writer}, {"change behind", BEHIND, changer}, {"job", FRONT, runner},
    };
    char line[200]; long n;
    command = argv + 1;
    tcgetattr(0, &at_start);
    if (argc > 1 && !strcmp(argv[1], "secretive")) return secretive();
    for (int n = SIGINT; n <= SIGQUIT; n++) signal(n, SIG_IGN);
    signal(SIGTSTP, SIG_IGN); signal(SIGTTIN, SIG_IGN); signal(SIGTTOU, SIG_IGN); on(SIGWINCH, note, SA_RESTART);
    while (printf("> "), (n = read(0, line, sizeof line - 1)) > 0) {
        line[n] = 0; line[strcspn(line, "\n")] = 0;
        for (unsigned i = 0; i < sizeof jobs / sizeof *jobs; i++) if (!strcmp(line, jobs[i].name)) start(jobs[i].place, jobs[i].work);
        if (!strcmp(line, "size")) size();
        if (!strcmp(line, "settings")) settings();
        if (!strcmp(line, "groups")) groups();
        if (!strcmp(line, "raw")) raw();
        if (!strcmp(line, "stop writers")) mind(1);
        if (!strcmp(line, "let writers")) mind(0);
        if (!strcmp(line, "resize")) { resized = 0; puts("waiting"); while (!resized) usleep(1000); size(); }
        if (!strcmp(line, "fg")) { foreground(job); puts("continuing"); kill(-job, SIGCONT); attend(); }
        if (!strcmp(line, "end job")) { kill(-job, SIGTERM); kill(-job, SIGCONT); attend(); }
        if (!strcmp(line, "spoil and die")) { struct termios t = at_start; cfmakeraw(&t); tcsetattr(0, TCSANOW, &t); kill(getpid(), SIGKILL); }
    }
    printf("\nthe end: %ld\n", n);
    return 0;
}
