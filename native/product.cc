// Exact products of integer matrices in doubles: out(i, j) += sum_t y(i, t) x(j, t). As no sum leaves 2^53, their order
// and fused multiplications do not matter.
#include <cmath>

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

// Both operands are packed: x into panels of PANEL columns, [k][PANEL], y into groups of ROWS rows, [terms][ROWS]; zeros
// beyond their ends.
constexpr size_t VECS = 4, PANEL = VECS * LANES;
// Terms between two visits of the output, and rows packed together: a panel's block and the band stay in the second-level
// cache.
constexpr size_t DEPTH = 512, BAND = 16 * ROWS;

// Sums stay in registers only where the loops over them are unrolled, which -O2 alone does not do.
#define UNROLL _Pragma("GCC unroll 8")

// out[0 .. ROWS)[0 .. PANEL) += sum_t y[t ROWS + r] x[t PANEL ..]
inline void tile(const double* y, const double* x, size_t terms, double* out, size_t ldo) {
  Vec s[ROWS][VECS];
  UNROLL for (size_t r = 0; r < ROWS; ++r)
    UNROLL for (size_t v = 0; v < VECS; ++v) s[r][v] = load(out + r * ldo + v * LANES);
  for (size_t t = 0; t < terms; ++t) {
    Vec b[VECS];
    UNROLL for (size_t v = 0; v < VECS; ++v) b[v] = load(x + t * PANEL + v * LANES);
    UNROLL for (size_t r = 0; r < ROWS; ++r) {
      const Vec a = fill(y[t * ROWS + r]);
      UNROLL for (size_t v = 0; v < VECS; ++v) s[r][v] = multiplyAdd(s[r][v], a, b[v]);
    }
  }
  UNROLL for (size_t r = 0; r < ROWS; ++r)
    UNROLL for (size_t v = 0; v < VECS; ++v) store(out + r * ldo + v * LANES, s[r][v]);
}

inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

// Rows [from, to) and terms [t0, t0 + terms) of an operand of n rows and k terms, in groups of `width` rows.
template <class T>
void pack(const T* x, bool transposed, size_t n, size_t k, size_t from, size_t to, size_t t0, size_t terms, size_t width,
          double* out) {
  auto group = [&](size_t g) { return out + (g - from) * terms; };
  // In the order of memory: rows apart by a power of two would evict each other from the cache.
  if (transposed) {
    for (size_t t = 0; t < terms; ++t)
      for (size_t g = from; g < to; g += width) {
        const T* in = x + (t0 + t) * n + g;
        double* at = group(g) + t * width;
        for (size_t j = 0, count = least(width, to - g); j < count; ++j) at[j] = (double)in[j];
      }
  } else {
    for (size_t i = from; i < to; ++i) {
      double* at = group(from + (i - from) / width * width) + (i - from) % width;
      for (size_t t = 0; t < terms; ++t) at[t * width] = (double)x[i * k + t0 + t];
    }
  }
  const size_t last = (to - from) / width * width, count = to - from - last;
  for (size_t t = 0; count && t < terms; ++t) std::memset(out + last * terms + t * width + count, 0, (width - count) * 8);
}
void pack(const Operand& x, size_t n, size_t k, size_t from, size_t to, size_t t0, size_t terms, size_t width, double* out) {
  if (x.ints) pack(x.ints, x.transposed, n, k, from, to, t0, terms, width, out);
  else pack(x.doubles, x.transposed, n, k, from, to, t0, terms, width, out);
}

// Lanes of their own: a compiler may not reorder sums of doubles.
constexpr size_t SUMS = 16;
template <class T>
double sumOfMagnitudes(const T* x, size_t n) {
  double s[SUMS] = {};
  size_t t = 0;
  for (; t + SUMS <= n; t += SUMS)
    for (size_t j = 0; j < SUMS; ++j) s[j] += std::fabs((double)x[t + j]);
  for (; t < n; ++t) s[0] += std::fabs((double)x[t]);
  for (size_t j = 1; j < SUMS; ++j) s[0] += s[j];
  return s[0];
}
double sumOfMagnitudes(const Operand& y, size_t from, size_t n) {
  return y.ints ? sumOfMagnitudes(y.ints + from, n) : sumOfMagnitudes(y.doubles + from, n);
}
template <class T>
void addMagnitudes(const T* x, size_t from, size_t to, double* sums) {
  for (size_t i = from; i < to; ++i) sums[i] += std::fabs((double)x[i]);
}
void addMagnitudes(const Operand& y, size_t offset, size_t from, size_t to, double* sums) {
  if (y.ints) addMagnitudes(y.ints + offset, from, to, sums);
  else addMagnitudes(y.doubles + offset, from, to, sums);
}

}  // namespace

void addProduct(double* out, const Operand& y, const Operand& x, size_t m, size_t n, size_t k) {
  if (m == 0 || n == 0) return;
  const size_t panels = (n + PANEL - 1) / PANEL, bands = (m + BAND - 1) / BAND;
  Buffer<double> packed(panels * k * PANEL);
  auto packPanel = [&](size_t p) {
    const size_t from = p * PANEL;
    pack(x, n, k, from, least(from + PANEL, n), 0, k, PANEL, packed + p * k * PANEL);
  };
  auto band = [&](size_t b) {
    const size_t i0 = b * BAND, i1 = least(i0 + BAND, m);
    Buffer<double> rows(BAND * DEPTH);
    alignas(64) double edge[ROWS * PANEL] = {};
    for (size_t t0 = 0; t0 < k; t0 += DEPTH) {
      const size_t terms = least(DEPTH, k - t0);
      pack(y, m, k, i0, i1, t0, terms, ROWS, rows);
      for (size_t p = 0; p < panels; ++p) {
        const double* columns = packed + (p * k + t0) * PANEL;
        const size_t width = least(PANEL, n - p * PANEL);
        for (size_t i = i0; i < i1; i += ROWS) {
          double* to = out + i * n + p * PANEL;
          const double* group = rows + (i - i0) * terms;
          const size_t height = least(ROWS, i1 - i);
          if (width == PANEL && height == ROWS) {
            tile(group, columns, terms, to, n);
            continue;
          }
          for (size_t r = 0; r < height; ++r) std::memcpy(edge + r * PANEL, to + r * n, width * 8);
          tile(group, columns, terms, edge, PANEL);
          for (size_t r = 0; r < height; ++r) std::memcpy(to + r * n, edge + r * PANEL, width * 8);
        }
      }
    }
  };
  if (m * n * k < 1 << 15) {
    for (size_t p = 0; p < panels; ++p) packPanel(p);
    for (size_t b = 0; b < bands; ++b) band(b);
    return;
  }
  parallel(panels, packPanel);
  parallel(bands, band);
}

double rowNorm(const Operand& y, size_t m, size_t k) {
  Buffer<double> sums(m + 1);
  sums.zero(m + 1);
  parallelRanges(m, 1 + (1 << 16) / (k + 1), [&](size_t from, size_t to) {
    if (y.transposed) {
      for (size_t t = 0; t < k; ++t) addMagnitudes(y, t * m, from, to, sums);
      return;
    }
    for (size_t i = from; i < to; ++i) sums[i] = sumOfMagnitudes(y, i * k, k);
  });
  double most = 0;
  for (size_t i = 0; i < m; ++i) most = sums[i] > most ? sums[i] : most;
  return most;
}

}  // namespace PM_ISA
