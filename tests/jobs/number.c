#include <math.h>
#include <stdio.h>

int main(void) {
    double sum = 0;
    for (int i = 1; i < 50000; i++) sum += sin(i) / i;
    printf("%.12g\n", sum);
    return 0;
}
