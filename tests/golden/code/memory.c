// Loops over memory. A line `run` says how one is called, and what memory holds then.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

// run sum(data, 40) words
u32 sum(const u32 *a, u32 n) {
  u32 s = 0;
  for (u32 i = 0; i < n; i++) s += a[i];
  return s;
}

// run sum_bytes(data, 60) bytes
u32 sum_bytes(const u8 *a, u32 n) {
  u32 s = 0;
  while (n--) s += *a++;
  return s;
}

// run strlen_loop(data) text
u32 strlen_loop(const char *s) {
  const char *p = s;
  while (*p) p++;
  return p - s;
}

// run memcpy_bytes(data+0x800, data, 50) bytes
void *memcpy_bytes(void *to, const void *from, u32 n) {
  volatile u8 *t = to;
  const u8 *f = from;
  while (n--) *t++ = *f++;
  return to;
}

// run memcpy_words(data+0x804, data, 40) words
void memcpy_words(u32 *restrict to, const u32 *restrict from, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = from[i];
}

// run memset_bytes(data, 0x5a, 60) bytes
void memset_bytes(u8 *to, int c, u32 n) {
  while (n--) *(volatile u8 *)to++ = c;
}

// run memcmp_loop(data, data+0x400, 64) repeated
int memcmp_loop(const u8 *a, const u8 *b, u32 n) {
  for (; n; n--, a++, b++)
    if (*a != *b) return *a - *b;
  return 0;
}

// run dot_short(data, data+0x400, 40) words
int dot_short(const short *a, const short *b, u32 n) {
  int s = 0;
  for (u32 i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

struct node { struct node *next; u32 value; };

// run list_walk(data, 7) list
u32 list_walk(const struct node *n, u32 wanted) {
  u32 s = 0;
  for (; n; n = n->next) {
    if (n->value == wanted) return s;
    s += n->value;
  }
  return s;
}

// run lz_copy(data+0x40, 12, 60) bytes
u8 *lz_copy(u8 *out, u32 distance, u32 length) {
  const volatile u8 *from = out - distance;
  do *out++ = *from++; while (--length);
  return out;
}

// run rle_encode(data, 48, data+0x1000) repeated
u32 rle_encode(const u8 *in, u32 n, u8 *out) {
  u8 *o = out;
  for (u32 i = 0; i < n;) {
    u8 c = in[i];
    u32 run = 1;
    while (run < 255 && i + run < n && in[i + run] == c) run++;
    *o++ = run;
    *o++ = c;
    i += run;
  }
  return o - out;
}

// run copy64(data+0x808, data, 24) words
void copy64(unsigned long long *to, const unsigned long long *from, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = from[i] + i;
}
