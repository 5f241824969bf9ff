/* Standard input passes through: counts and copies it. */
#include "common.h"
int main(void) {
    char line[256]; int lines = 0;
    while (fgets(line, sizeof line, stdin)) printf("%d: %s", ++lines, line);
    printf("%d lines, at the end %d\n", lines, feof(stdin));
    fputs("and this to standard error\n", stderr);
    return 0;
}
