// Calls, switches, arithmetic that branches.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// run dispatch(data, 60) bytes
int dispatch(const u8 *code, u32 n) {
  int a = 1, b = 2;
  const u8 *end = code + n;
  while (code < end) {
    switch (*code++ & 7) {
    case 0: a += b; break;
    case 1: a -= b; break;
    case 2: b ^= a; break;
    case 3: a = a << 3 | b; break;
    case 4: if (a < 0) code++; break;
    case 5: b = *code++; break;
    case 6: a = -a; break;
    case 7: b = a * 5; break;
    }
  }
  return a + b;
}

// run fib(7) zeros
__attribute__((noinline)) u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

// run ackermann(2, 2) zeros
__attribute__((noinline)) u32 ackermann(u32 m, u32 n) {
  if (!m) return n + 1;
  return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

// run gcd_all(data, 8) words
u32 gcd_all(const u32 *p, u32 n) {
  u32 total = 0;
  for (; n; n--, p++) {
    u32 a = p[0] & 0xffff, b = 30030;
    while (b) {
      u32 t = a % b;
      a = b;
      b = t;
    }
    total += a;
  }
  return total;
}

// run collatz(27, 60) zeros
u32 collatz(u32 x, u32 most) {
  u32 steps = 0;
  while (x != 1 && steps < most) {
    x = x & 1 ? 3 * x + 1 : x / 2;
    steps++;
  }
  return steps;
}

// run isqrt_all(data, 6) words
u32 isqrt_all(const u32 *p, u32 n) {
  u32 total = 0;
  for (; n; n--, p++) {
    u32 x = *p, root = 0;
    for (u32 bit = 1u << 30; bit; bit >>= 2) {
      if (x >= root + bit) {
        x -= root + bit;
        root = root / 2 + bit;
      } else root /= 2;
    }
    total += root;
  }
  return total;
}

// run fixed_filter(data, 40, data+0x1000) words
void fixed_filter(const int *in, u32 n, int *out) {
  int y = 0;
  for (u32 i = 0; i < n; i++) {
    y += (int)(((long long)(in[i] - y) * 0x2000) >> 16);
    out[i] = y;
  }
}

// run div64(data, 12) words
u64 div64(const u32 *p, u32 n) {
  u64 total = 0;
  for (u32 i = 0; i + 1 < n; i++) total += p[i] / (p[i + 1] % 1000 + 1) + (int)p[i] % 7;
  return total;
}

static u32 twice(u32 x) { return 2 * x; }
static u32 plus3(u32 x) { return x + 3; }
static u32 flip(u32 x) { return ~x; }

// run call_pointers(data, 30) bytes
u32 call_pointers(const u8 *p, u32 n) {
  static u32 (*const functions[4])(u32) = {twice, plus3, flip, twice};
  u32 x = 1;
  while (n--) x = functions[*p++ & 3](x);
  return x;
}
