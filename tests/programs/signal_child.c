/* SIGCHLD, waitid, stopping and continuing, and children that are never waited for. */
#include "common.h"
static volatile int caught, last_code, last_status; static volatile pid_t last_pid;
static void child(int n, siginfo_t *i, void *u) { (void)n; (void)u; caught++; last_code = i->si_code; last_status = i->si_status; last_pid = i->si_pid; }
static const char *name(int code) { static const char *names[] = {"?", "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"}; return code > 0 && code < 7 ? names[code] : "?"; }
static void wait_for(int count) { while (caught < count) usleep(1000); }
int main(void) {
    int status; siginfo_t info;
    on(SIGCHLD, child, SA_RESTART);
    pid_t pid = fork(); if (pid == 0) _exit(17);
    wait_for(1);
    printf("SIGCHLD: %s status %d, right pid %d\n", name(last_code), last_status, last_pid == pid);
    memset(&info, 0, sizeof info);
    show("waitid WNOWAIT", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    printf("  %s %d\n", name(info.si_code), info.si_status);
    show("and again, for good", waitid(P_PID, pid, &info, WEXITED));
    show("it is gone", waitid(P_PID, pid, &info, WEXITED) < 0 ? -errno : 0);
    show("waitid without options", waitid(P_ALL, 0, &info, 0) < 0 ? -errno : 0);

    caught = 0; pid = fork(); if (pid == 0) for (;;) pause();
    kill(pid, SIGSTOP);
    wait_for(1); printf("SIGCHLD: %s status %s\n", name(last_code), sigabbrev_np(last_status));
    waitpid(pid, &status, WUNTRACED); printf("stopped %d by %s\n", WIFSTOPPED(status), sigabbrev_np(WSTOPSIG(status)));
    kill(pid, SIGCONT);
    wait_for(2); printf("SIGCHLD: %s\n", name(last_code));
    waitpid(pid, &status, WCONTINUED); printf("continued %d\n", WIFCONTINUED(status));
    kill(pid, SIGKILL);
    wait_for(3); printf("SIGCHLD: %s status %s\n", name(last_code), sigabbrev_np(last_status));
    waitpid(pid, &status, 0); show_status("killed", status);

    signal(SIGCHLD, SIG_IGN);
    pid = fork(); if (pid == 0) _exit(3);
    show("wait where SIGCHLD is ignored", wait(&status) < 0 ? -errno : 0);
    signal(SIGCHLD, SIG_DFL);

    /* A group: one kill reaches all of it. */
    pid_t members[3];
    for (int i = 0; i < 3; i++) { members[i] = fork(); if (members[i] == 0) { for (;;) pause(); } setpgid(members[i], members[0]); }
    show("setpgid of a stranger", SYS2(setpgid, 1, 1));
    kill(-members[0], SIGTERM);
    for (int i = 0; i < 3; i++) { waitpid(-members[0], &status, 0); show_status("of the group", status); }
    show("kill of an empty group", SYS2(kill, -members[0], SIGTERM));
    return 0;
}
