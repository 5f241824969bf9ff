// Text: numbers, UTF-8, base64.

typedef unsigned char u8;
typedef unsigned int u32;

// run atoi_all(data, 40) digits
int atoi_all(const char *p, u32 n) {
  int total = 0;
  const char *end = p + n;
  while (p < end) {
    int x = 0, negative = *p == '-';
    p += negative;
    while (*p >= '0' && *p <= '9') x = x * 10 + (*p++ - '0');
    total += negative ? -x : x;
    p++;
  }
  return total;
}

// run itoa_all(data, 8, data+0x1000) words
char *itoa_all(const u32 *p, u32 n, char *out) {
  for (; n; n--, p++) {
    char digits[12];
    u32 x = *p, k = 0;
    do digits[k++] = '0' + x % 10, x /= 10; while (x);
    while (k) *out++ = digits[--k];
    *out++ = ' ';
  }
  return out;
}

// run utf8_decode(data, 60, data+0x1000) utf8
u32 utf8_decode(const u8 *p, u32 n, u32 *out) {
  const u8 *end = p + n;
  u32 *o = out;
  while (p < end) {
    u32 c = *p++;
    if (c >= 0x80) {
      int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
      c &= 0x3f >> more;
      while (more--) c = c << 6 | (*p++ & 0x3f);
    }
    *o++ = c;
  }
  return o - out;
}

// run base64(data, 30, data+0x1000) bytes
char *base64(const u8 *p, u32 n, char *out) {
  static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; n >= 3; n -= 3, p += 3, out += 4) {
    u32 x = p[0] << 16 | p[1] << 8 | p[2];
    out[0] = letters[x >> 18];
    out[1] = letters[x >> 12 & 63];
    out[2] = letters[x >> 6 & 63];
    out[3] = letters[x & 63];
  }
  return out;
}

// run hex(data, 24, data+0x1000) bytes
void hex(const u8 *p, u32 n, char *out) {
  for (; n--; p++) {
    u32 high = *p >> 4, low = *p & 15;
    *out++ = high + (high < 10 ? '0' : 'a' - 10);
    *out++ = low + (low < 10 ? '0' : 'a' - 10);
  }
}

// run to_upper(data, 50) text
void to_upper(char *p, u32 n) {
  for (; n--; p++)
    if (*p >= 'a' && *p <= 'z') *(volatile char *)p = *p - 32;
}

// run words_in(data) text
u32 words_in(const char *p) {
  u32 words = 0, inside = 0;
  for (; *p; p++) {
    u32 letter = *p > ' ';
    words += letter & ~inside;
    inside = letter;
  }
  return words;
}
