// Sorting, searching, sieving.

typedef unsigned char u8;
typedef unsigned int u32;

// run sieve(data, 100) zeros
u32 sieve(u8 *composite, u32 n) {
  u32 primes = 0;
  for (u32 i = 2; i < n; i++) {
    if (composite[i]) continue;
    primes++;
    for (u32 j = i * i; j < n; j += i) composite[j] = 1;
  }
  return primes;
}

// run bubble_pass(data, 40) words
u32 bubble_pass(int *a, u32 n) {
  u32 swaps = 0;
  for (u32 i = 1; i < n; i++)
    if (a[i - 1] > a[i]) {
      int t = a[i];
      *(volatile int *)&a[i] = a[i - 1];
      a[i - 1] = t;
      swaps++;
    }
  return swaps;
}

// run insertion_sort(data, 12) words
void insertion_sort(int *a, int n) {
  for (int i = 1; i < n; i++) {
    int x = a[i], j = i - 1;
    for (; j >= 0 && a[j] > x; j--) *(volatile int *)&a[j + 1] = a[j];
    a[j + 1] = x;
  }
}

// run partition(data, 40) words
u32 partition(u32 *a, u32 n) {
  u32 pivot = a[n / 2], i = 0, j = n - 1;
  for (;;) {
    while (a[i] < pivot) i++;
    while (a[j] > pivot) j--;
    if (i >= j) return j;
    u32 t = a[i];
    a[i++] = a[j];
    a[j--] = t;
  }
}

// run binary_search_all(data, 64) sorted
u32 binary_search_all(const u32 *a, u32 n) {
  u32 found = 0;
  for (u32 k = 0; k < 12; k++) {
    u32 wanted = k * 37, low = 0, high = n;
    while (low < high) {
      u32 middle = (low + high) / 2;
      if (a[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    found += low;
  }
  return found;
}

struct tree { struct tree *left, *right; u32 key; };

// run tree_find_all(data) tree
u32 tree_find_all(const struct tree *root) {
  u32 depth = 0;
  for (u32 k = 0; k < 12; k++) {
    const struct tree *t = root;
    u32 wanted = k * 29;
    while (t && t->key != wanted) {
      t = wanted < t->key ? t->left : t->right;
      depth++;
    }
  }
  return depth;
}

// run tree_sum(data) tree
__attribute__((noinline)) u32 tree_sum(const struct tree *t) { return t ? tree_sum(t->left) + t->key + tree_sum(t->right) : 0; }

// run min_max(data, 40) words
int min_max(const int *a, u32 n) {
  int low = a[0], high = a[0];
  for (u32 i = 1; i < n; i++) {
    low = a[i] < low ? a[i] : low;
    high = a[i] > high ? a[i] : high;
  }
  return high - low;
}

// run histogram(data, 60, data+0x1000) bytes
void histogram(const u8 *p, u32 n, u32 *counts) {
  while (n--) counts[*p++ >> 3]++;
}
