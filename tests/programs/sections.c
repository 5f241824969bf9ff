/* A larger program's shape: constructors, destructors, atexit, big zeroed data, function pointers, recursion, qsort. */
#include "common.h"
static int zeroed[1 << 20]; static int filled[1000] = {[0] = 1, [999] = 2};
static const char *order[8]; static int orders;
__attribute__((constructor(201))) static void second(void) { order[orders++] = "second"; }
__attribute__((constructor(200))) static void first(void) { order[orders++] = "first"; }
__attribute__((destructor)) static void last(void) { puts("destructor"); }
static void bye(void) { puts("atexit"); }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static unsigned ackermann(unsigned m, unsigned n) { return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)); }
int main(void) {
    atexit(bye);
    printf("%s %s; %d %d %d\n", order[0], order[1], zeroed[0], zeroed[(1 << 20) - 1], filled[0] + filled[999]);
    unsigned seed = 3; static int values[5000];
    for (int i = 0; i < 5000; i++) { seed = seed * 1103515245 + 12345; values[i] = seed >> 8 & 0xffff; }
    qsort(values, 5000, sizeof *values, compare);
    int sorted = 1; for (int i = 1; i < 5000; i++) sorted &= values[i - 1] <= values[i];
    printf("sorted %d, %d…%d\n", sorted, values[0], values[4999]);
    printf("ackermann %u\n", ackermann(2, 300));
    long long product = 1; for (int i = 1; i < 20; i++) product *= i; printf("%lld %llx %lld\n", product, (unsigned long long)product << 3, product / 1234567);
    char *text = NULL; size_t size = 0; FILE *memory = open_memstream(&text, &size); for (int i = 0; i < 100; i++) fprintf(memory, "%d,", i * i); fclose(memory); printf("%zu %.20s\n", size, text);
    return 0;
}
