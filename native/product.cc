// Exact products of integer matrices in doubles: out(i, j) = sum_t y(i, t) x(j, t). As no sum leaves 2^53, their order
// and fused multiplications do not matter.
#include "buffer.h"
#include "kernels.h"
#include "pool.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace PM_ISA {

namespace {

#if defined(__AVX512F__)
using Vec = __m512d;
constexpr size_t LANES = 8, ROWS = 6;
inline Vec load(const double* p) { return _mm512_loadu_pd(p); }
inline void store(double* p, Vec x) { _mm512_storeu_pd(p, x); }
inline Vec fill(double x) { return _mm512_set1_pd(x); }
inline Vec multiplyAdd(Vec s, Vec a, Vec b) { return _mm512_fmadd_pd(a, b, s); }
#elif defined(__AVX2__)
using Vec = __m256d;
constexpr size_t LANES = 4, ROWS = 3;
inline Vec load(const double* p) { return _mm256_loadu_pd(p); }
inline void store(double* p, Vec x) { _mm256_storeu_pd(p, x); }
inline Vec fill(double x) { return _mm256_set1_pd(x); }
inline Vec multiplyAdd(Vec s, Vec a, Vec b) { return _mm256_add_pd(s, _mm256_mul_pd(a, b)); }
#else
using Vec = double;
constexpr size_t LANES = 1, ROWS = 3;
inline Vec load(const double* p) { return *p; }
inline void store(double* p, Vec x) { *p = x; }
inline Vec fill(double x) { return x; }
inline Vec multiplyAdd(Vec s, Vec a, Vec b) { return s + a * b; }
#endif

// x is packed into panels of PANEL columns j, each [k][PANEL]; y is read in place.
constexpr size_t VECS = 4, PANEL = VECS * LANES;
// Terms between two visits of the output: a panel's block then stays in the first two cache levels.
constexpr size_t DEPTH = 512;

// out[0 .. R)[0 .. PANEL) += sum_t y[r rowStep + t step] x[t PANEL ..]
template <size_t R>
inline void tile(const double* y, size_t rowStep, size_t step, const double* x, size_t terms, double* out, size_t ldo) {
  Vec s[R][VECS];
  for (size_t r = 0; r < R; ++r)
    for (size_t v = 0; v < VECS; ++v) s[r][v] = load(out + r * ldo + v * LANES);
  for (size_t t = 0; t < terms; ++t) {
    Vec b[VECS];
    for (size_t v = 0; v < VECS; ++v) b[v] = load(x + t * PANEL + v * LANES);
    for (size_t r = 0; r < R; ++r) {
      const Vec a = fill(y[r * rowStep + t * step]);
      for (size_t v = 0; v < VECS; ++v) s[r][v] = multiplyAdd(s[r][v], a, b[v]);
    }
  }
  for (size_t r = 0; r < R; ++r)
    for (size_t v = 0; v < VECS; ++v) store(out + r * ldo + v * LANES, s[r][v]);
}

// The panel of columns [from, from + PANEL), zeros beyond n.
template <class T>
void pack(const T* x, bool transposed, size_t n, size_t k, size_t from, double* panel) {
  const size_t count = n - from < PANEL ? n - from : PANEL;
  for (size_t t = 0; t < k; ++t) {
    for (size_t j = 0; j < count; ++j) panel[t * PANEL + j] = (double)(transposed ? x[t * n + from + j] : x[(from + j) * k + t]);
    for (size_t j = count; j < PANEL; ++j) panel[t * PANEL + j] = 0;
  }
}

// Rows [i0, i1) of y against one panel.
void strip(const double* y, size_t rowStep, size_t step, const double* panel, size_t i0, size_t i1, size_t k, size_t from,
           size_t n, double* out) {
  const size_t count = n - from < PANEL ? n - from : PANEL;
  alignas(64) double edge[ROWS * PANEL];
  for (size_t t0 = 0; t0 < k; t0 += DEPTH) {
    const size_t terms = k - t0 < DEPTH ? k - t0 : DEPTH;
    const double* x = panel + t0 * PANEL;
    for (size_t i = i0; i < i1;) {
      const size_t rows = i + ROWS <= i1 ? ROWS : 1;
      const double* a = y + i * rowStep + t0 * step;
      double* to = out + i * n + from;
      const bool whole = count == PANEL;
      if (!whole)
        for (size_t r = 0; r < rows; ++r) std::memcpy(edge + r * PANEL, to + r * n, count * 8);
      double* target = whole ? to : edge;
      const size_t ldo = whole ? n : PANEL;
      if (rows == ROWS) tile<ROWS>(a, rowStep, step, x, terms, target, ldo);
      else tile<1>(a, rowStep, step, x, terms, target, ldo);
      if (!whole)
        for (size_t r = 0; r < rows; ++r) std::memcpy(to + r * n, edge + r * PANEL, count * 8);
      i += rows;
    }
  }
}

}  // namespace

void exactProduct(const Operand& y, const Operand& x, size_t m, size_t n, size_t k, double* out) {
  if (m == 0 || n == 0) return;
  Buffer<double> copy(y.ints ? m * k : 0);
  const double* rows = y.doubles;
  if (y.ints) {
    for (size_t i = 0; i < m * k; ++i) copy[i] = y.ints[i];
    rows = copy;
  }
  const size_t rowStep = y.transposed ? 1 : k, step = y.transposed ? m : 1;
  const size_t panels = (n + PANEL - 1) / PANEL;
  Buffer<double> packed(panels * k * PANEL);
  auto packOne = [&](size_t p) {
    double* to = packed + p * k * PANEL;
    if (x.ints) pack(x.ints, x.transposed, n, k, p * PANEL, to);
    else pack(x.doubles, x.transposed, n, k, p * PANEL, to);
  };
  // Bands of rows: their part of y stays in the second-level cache while the panels pass by.
  size_t band = ((1 << 17) / (k < DEPTH ? k + 1 : DEPTH) + ROWS) / ROWS * ROWS;
  if (band > (m / pool::threads() / 2 + ROWS) / ROWS * ROWS) band = (m / pool::threads() / 2 + ROWS) / ROWS * ROWS;
  const size_t bands = (m + band - 1) / band;
  auto task = [&](size_t t) {
    const size_t b = t / panels, p = t % panels, i0 = b * band, i1 = i0 + band < m ? i0 + band : m;
    strip(rows, rowStep, step, packed + p * k * PANEL, i0, i1, k, p * PANEL, n, out);
  };
  if (m * n * k < 1 << 15) {
    for (size_t p = 0; p < panels; ++p) packOne(p);
    for (size_t t = 0; t < bands * panels; ++t) task(t);
    return;
  }
  parallel(panels, packOne);
  parallel(bands * panels, task);
}

}  // namespace PM_ISA
