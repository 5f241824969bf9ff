/* Forks until it is refused, then goes. Not for native use: only Trunnion's own limit on a family ends it. */
#include "common.h"
int main(void) {
    int made = 0;
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) { for (;;) pause(); }
        if (pid < 0) { printf("refused: -%s\n", errno_name(-errno)); break; }
        if (++made > 20000) { puts("never refused"); break; }
    }
    printf("more than 100 were made: %d\n", made > 100);
    return 3;
}
