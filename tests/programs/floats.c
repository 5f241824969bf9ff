/* Floating point as programs use it: printf and scanf of doubles, arithmetic, conversions, rounding. */
#include "common.h"
#include <fenv.h>
#include <math.h>
__attribute__((noinline)) static double in_double(double a, double b) { double s = 0; for (int i = 1; i < 2000; i++) { s += a / i - b * i; s *= 0.75; } return s; }
__attribute__((noinline)) static long double in_extended(long double a, long double b) { long double s = 0; for (int i = 1; i < 2000; i++) { s += a / i - b * i; s *= 0.75L; } return s; }
int main(void) {
    volatile double values[] = {0.0, -0.0, 1.0, -1.5, 3.141592653589793, 1e-300, 1e300, 5e-324, INFINITY, NAN, 123456789.123};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) printf("%g %.17g %a\n", values[i], values[i], values[i]);
    printf("%.15g %.18Lg\n", in_double(3.0, 1e-3), in_extended(3.0L, 1e-3L));
    printf("%.15g %.15g %.15g %.15g\n", sin(1.25), exp(0.5), log(10.0), pow(2.0, 0.3));
    printf("%.15g %.15g %.15g %.15g\n", atan2(1.0, -2.0), sqrt(2.0), fmod(10.5, 3.2), cbrt(-27.0));
    volatile double big = 3e9, neg = -2.7;
    printf("%d %d %lld %u\n", (int)neg, (int)(neg * 1000), (long long)(big * 1000), (unsigned)big);
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        volatile double third = 1.0; third /= 3.0;
        volatile float f = 16777217.0f; f += 1.0f;
        printf("mode %d: %.17g %.9g %g %g %ld\n", i, third, f, rint(2.5), nearbyint(-2.5), lrint(1.5));
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double zero = 0, one = 1; one /= zero; printf("division by zero raised: %d\n", !!fetestexcept(FE_DIVBYZERO));
    double x; float y; int n; char tail[8];
    printf("%d:", sscanf("2.5e3 -0.125 42 end", "%lf %f %d %7s", &x, &y, &n, tail)); printf(" %g %g %d %s\n", x, y, n, tail);
    printf("%.40g\n%.3Lf\n", 0.1, 1e18L / 3);
    union { float f; uint32_t u; } u = {.f = 1.0f}; u.f /= 3; printf("%08x %s %s\n", u.u, values[1] == values[0] ? "equal" : "not", values[9] == values[9] ? "equal" : "not");
    return 0;
}
