/* The start-up of a C program: arguments, environment, and the end. */
#include "common.h"
int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/');
    printf("hello from %s, %d arguments\n", name ? name + 1 : argv[0], argc - 1);
    for (int i = 1; i < argc; i++)
        printf("argument %d is <%s>\n", i, argv[i]);
    printf("GREETING is %s\n", getenv("GREETING") ? getenv("GREETING") : "not set");
    return 7;
}
