/* Many processes, bounded: 200 at once, then 500 one after the other, then a chain of 30. */
#include "common.h"
static int chain(int n) { if (n == 0) return 0; int s; pid_t p = fork(); if (p == 0) _exit(chain(n - 1) + 1); waitpid(p, &s, 0); return WEXITSTATUS(s); }
int main(void) {
    int gate[2], status, good = 0; char c;
    pipe(gate);
    for (int i = 0; i < 200; i++) if (fork() == 0) { close(gate[1]); read(gate[0], &c, 1); _exit(i % 50); }
    close(gate[1]);
    int sum = 0; while (wait(&status) > 0) { good += WIFEXITED(status); sum += WEXITSTATUS(status); }
    printf("at once: %d ended well, sum %d\n", good, sum);
    sum = 0; for (int i = 0; i < 500; i++) { pid_t p = fork(); if (p == 0) _exit(i & 7); waitpid(p, &status, 0); sum += WEXITSTATUS(status); }
    printf("in turn: sum %d\n", sum);
    printf("a chain: %d\n", chain(30));
    return 0;
}
