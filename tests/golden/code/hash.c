// Hashes, checksums, bits.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// run fnv1a(data, 40) bytes
u32 fnv1a(const u8 *p, u32 n) {
  u32 h = 0x811c9dc5;
  while (n--) h = (h ^ *p++) * 0x01000193;
  return h;
}

// run crc32_bits(data, 5) bytes
u32 crc32_bits(const u8 *p, u32 n) {
  u32 c = ~0u;
  while (n--) {
    c ^= *p++;
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xedb88320 & -(c & 1));
  }
  return ~c;
}

// run crc32_table(data, 40, data+0x800) words
u32 crc32_table(const u8 *p, u32 n, const u32 *table) {
  u32 c = ~0u;
  while (n--) c = table[(c ^ *p++) & 0xff] ^ c >> 8;
  return ~c;
}

static u32 rol(u32 x, int n) { return x << n | x >> (32 - n); }
static u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }

// run sha1_rounds(data, data+0x400, 20) words
void sha1_rounds(u32 *state, const u32 *w, u32 n) {
  u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (u32 i = 0; i < n; i++) {
    u32 t = rol(a, 5) + ((b & c) | (~b & d)) + e + w[i] + 0x5a827999;
    e = d, d = c, c = rol(b, 30), b = a, a = t;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

// run sha256_schedule(data, 30) words
void sha256_schedule(u32 *w, u32 n) {
  for (u32 i = 16; i < 16 + n; i++) {
    u32 x = w[i - 15], y = w[i - 2];
    w[i] = w[i - 16] + (ror(x, 7) ^ ror(x, 18) ^ x >> 3) + w[i - 7] + (ror(y, 17) ^ ror(y, 19) ^ y >> 10);
  }
}

// run adler32(data, 40) bytes
u32 adler32(const u8 *p, u32 n) {
  u32 a = 1, b = 0;
  while (n--) {
    a = (a + *p++) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

// run xorshift64(data, 20) words
void xorshift64(u64 *out, u32 n) {
  u64 x = 0x9e3779b97f4a7c15;
  for (u32 i = 0; i < n; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    out[i] = x;
  }
}

// run popcount(data, 24) words
u32 popcount(const u32 *p, u32 n) {
  u32 total = 0;
  for (u32 i = 0; i < n; i++) {
    u32 x = p[i];
    for (; x; x &= x - 1) total++;
  }
  return total;
}

// run bit_reverse(data, 24) words
void bit_reverse(u32 *p, u32 n) {
  for (; n; n--, p++) {
    u32 x = *p;
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    *(volatile u32 *)p = __builtin_bswap32(x);
  }
}

// run mul64(data, 16) words
u64 mul64(const u64 *p, u32 n) {
  u64 product = 1;
  for (u32 i = 0; i < n; i++) product = product * (p[i] | 1) + 12345;
  return product;
}
