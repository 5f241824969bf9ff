// Floating point. Compiled twice: for the x87 and for SSE2.

typedef unsigned int u32;

// run dot_float(data, data+0x400, 24) floats
float dot_float(const float *a, const float *b, u32 n) {
  float s = 0;
  for (u32 i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

// run dot_double(data, data+0x400, 24) doubles
double dot_double(const double *a, const double *b, u32 n) {
  double s = 0;
  for (u32 i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

// run saxpy(data, data+0x400, 24) floats
void saxpy(float *y, const float *x, u32 n) {
  for (u32 i = 0; i < n; i++) y[i] += 1.5f * x[i];
}

// run matmul_float(data, data+0x400, data+0x1000) floats
void matmul_float(const float *a, const float *b, float *c) {
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      float s = 0;
      for (int k = 0; k < 4; k++) s += a[4 * i + k] * b[4 * k + j];
      c[4 * i + j] = s;
    }
}

// run matmul_double(data, data+0x400, data+0x1000, 3) doubles
void matmul_double(const double *a, const double *b, double *c, int n) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double s = 0;
      for (int k = 0; k < n; k++) s += a[n * i + k] * b[n * k + j];
      c[n * i + j] = s;
    }
}

struct body { double x, y, z, vx, vy, vz, mass; };

// run nbody(data, 6) doubles
void nbody(struct body *b, int n) {
  for (int i = 0; i < n; i++)
    for (int j = i + 1; j < n; j++) {
      double dx = b[i].x - b[j].x, dy = b[i].y - b[j].y, dz = b[i].z - b[j].z;
      double d2 = dx * dx + dy * dy + dz * dz + 0.01;
      double m = 0.01 / (d2 * __builtin_sqrt(d2));
      b[i].vx -= dx * b[j].mass * m, b[i].vy -= dy * b[j].mass * m, b[i].vz -= dz * b[j].mass * m;
      b[j].vx += dx * b[i].mass * m, b[j].vy += dy * b[i].mass * m, b[j].vz += dz * b[i].mass * m;
    }
}

// run fft_butterfly(data, data+0x400, 8) doubles
void fft_butterfly(double *x, const double *w, int half) {
  for (int k = 0; k < half; k++) {
    double *p = x + 2 * k, *q = p + 2 * half;
    double re = q[0] * w[2 * k] - q[1] * w[2 * k + 1], im = q[0] * w[2 * k + 1] + q[1] * w[2 * k];
    q[0] = p[0] - re, q[1] = p[1] - im;
    p[0] += re, p[1] += im;
  }
}

// run mandelbrot(data, 4) doubles
u32 mandelbrot(const double *c, u32 n) {
  u32 total = 0;
  for (; n; n--, c += 2) {
    double x = 0, y = 0;
    u32 k = 0;
    for (; k < 20 && x * x + y * y < 4; k++) {
      double t = x * x - y * y + c[0];
      y = 2 * x * y + c[1];
      x = t;
    }
    total += k;
  }
  return total;
}

// run to_int(data, data+0x1000, 24) doubles
void to_int(const double *from, int *to, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = (int)from[i];
}

// run from_int(data, data+0x1000, 24) words
void from_int(const int *from, float *to, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = from[i] * 0.25f;
}

// run widen(data, data+0x1000, 24) floats
void widen(const float *from, double *to, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = from[i];
}

// run horner(data, data+0x1000, 12) doubles
void horner(const double *x, double *y, u32 n) {
  for (u32 i = 0; i < n; i++) y[i] = ((x[i] * 0.125 - 1.5) * x[i] + 2.25) * x[i] - 0.75;
}

// run max_float(data, 24) floats
float max_float(const float *a, u32 n) {
  float m = a[0];
  for (u32 i = 1; i < n; i++)
    if (a[i] > m) m = a[i];
  return m;
}

// run newton_sqrt(data, 6) doubles
double newton_sqrt(const double *a, u32 n) {
  double total = 0;
  for (u32 i = 0; i < n; i++) {
    double x = a[i] < 0 ? -a[i] : a[i], r = 1;
    for (int k = 0; k < 6; k++) r = 0.5 * (r + x / r);
    total += r;
  }
  return total;
}
