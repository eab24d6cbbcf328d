// Exact integer matrix product out = a w^T in 64 bits; rows of both operands are contiguous along the summed axis.
#include "buffer.h"
#include "kernels.h"
#include "pool.h"
#include "source.h"

namespace PM_ISA {

namespace {

// Sums of T products, wide: the portable form, and the remainder of the vector forms.
template <class A, class B>
inline i64 dotScalar(const A* a, const B* w, size_t k) {
  i64 s = 0;
  for (size_t t = 0; t < k; ++t) s += (i64)a[t] * w[t];
  return s;
}

#if defined(__AVX2__)

inline i64 sum64(__m256i x) {
  i64 v[4];
  _mm256_storeu_si256((__m256i*)v, x);
  return v[0] + v[1] + v[2] + v[3];
}
inline __m256i widen32(__m256i x) {  // eight 32-bit sums to four of 64 bits
  return _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(x)),
                          _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x, 1)));
}

// M x N tile of 16-bit dot products. Pairs of products are summed in 32 bits, `burst` vectors before they are widened.
template <size_t M, size_t N>
inline void tile16(const int16_t* a, size_t lda, const int16_t* w, size_t ldw, size_t k, size_t burst, i64* out,
                   size_t ldo) {
  __m256i wide[M][N];
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < N; ++j) wide[i][j] = _mm256_setzero_si256();
  size_t t = 0;
  while (t + 16 <= k) {
    __m256i s[M][N];
    for (size_t i = 0; i < M; ++i)
      for (size_t j = 0; j < N; ++j) s[i][j] = _mm256_setzero_si256();
    for (size_t b = 0; b < burst && t + 16 <= k; ++b, t += 16) {
      __m256i x[M];
      for (size_t i = 0; i < M; ++i) x[i] = _mm256_loadu_si256((const __m256i*)(a + i * lda + t));
      for (size_t j = 0; j < N; ++j) {
        __m256i y = _mm256_loadu_si256((const __m256i*)(w + j * ldw + t));
        for (size_t i = 0; i < M; ++i) s[i][j] = _mm256_add_epi32(s[i][j], _mm256_madd_epi16(x[i], y));
      }
    }
    for (size_t i = 0; i < M; ++i)
      for (size_t j = 0; j < N; ++j) wide[i][j] = _mm256_add_epi64(wide[i][j], widen32(s[i][j]));
  }
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < N; ++j)
      out[i * ldo + j] = sum64(wide[i][j]) + dotScalar(a + i * lda + t, w + j * ldw + t, k - t);
}

// 32-bit entries: even and odd lanes are multiplied apart.
template <size_t M, size_t N>
inline void tile32(const int32_t* a, size_t lda, const int32_t* w, size_t ldw, size_t k, i64* out, size_t ldo) {
  __m256i s[M][N];
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < N; ++j) s[i][j] = _mm256_setzero_si256();
  size_t t = 0;
  for (; t + 8 <= k; t += 8) {
    __m256i x[M], xo[M];
    for (size_t i = 0; i < M; ++i) {
      x[i] = _mm256_loadu_si256((const __m256i*)(a + i * lda + t));
      xo[i] = _mm256_srli_epi64(x[i], 32);
    }
    for (size_t j = 0; j < N; ++j) {
      __m256i y = _mm256_loadu_si256((const __m256i*)(w + j * ldw + t)), yo = _mm256_srli_epi64(y, 32);
      for (size_t i = 0; i < M; ++i) {
        s[i][j] = _mm256_add_epi64(s[i][j], _mm256_mul_epi32(x[i], y));
        s[i][j] = _mm256_add_epi64(s[i][j], _mm256_mul_epi32(xo[i], yo));
      }
    }
  }
  for (size_t i = 0; i < M; ++i)
    for (size_t j = 0; j < N; ++j)
      out[i * ldo + j] = sum64(s[i][j]) + dotScalar(a + i * lda + t, w + j * ldw + t, k - t);
}

#endif

struct Gemm {
  const void *a, *w;
  size_t m, n, k, burst;  // burst > 0: 16-bit entries, sums of so many vectors fit 32 bits
  i64* out;

  template <size_t M, size_t N>
  void tile(size_t i, size_t j) const {
#if defined(__AVX2__)
    if (burst)
      tile16<M, N>((const int16_t*)a + i * k, k, (const int16_t*)w + j * k, k, k, burst, out + i * n + j, n);
    else tile32<M, N>((const int32_t*)a + i * k, k, (const int32_t*)w + j * k, k, k, out + i * n + j, n);
#else
    for (size_t x = i; x < i + M; ++x)
      for (size_t y = j; y < j + N; ++y)
        out[x * n + y] = burst ? dotScalar((const int16_t*)a + x * k, (const int16_t*)w + y * k, k)
                               : dotScalar((const int32_t*)a + x * k, (const int32_t*)w + y * k, k);
#endif
  }
  template <size_t N>
  void columns(size_t i0, size_t i1, size_t j) const {
    size_t i = i0;
    for (; i + 2 <= i1; i += 2) tile<2, N>(i, j);
    if (i < i1) tile<1, N>(i, j);
  }
  // Rows [i0, i1) of a against rows [j0, j1) of w.
  void block(size_t i0, size_t i1, size_t j0, size_t j1) const {
    size_t j = j0;
    for (; j + 4 <= j1; j += 4) columns<4>(i0, i1, j);
    for (; j < j1; ++j) columns<1>(i0, i1, j);
  }
};

// The entries as 16-bit integers, where they all fit.
const int16_t* narrow(const Source& s, Buffer<int16_t>& to) {
  if (s.kind == Source::I16) return (const int16_t*)s.data;
  for (size_t i = 0; i < s.length; ++i) to[i] = (int16_t)((const int32_t*)s.data)[i];
  return to;
}
const int32_t* widen(const Source& s, Buffer<int32_t>& to) {
  if (s.kind == Source::I32) return (const int32_t*)s.data;
  for (size_t i = 0; i < s.length; ++i) to[i] = ((const int16_t*)s.data)[i];
  return to;
}
u64 magnitudeOf(const Source& s) {
  Buffer<u64> parts(4 * pool::threads() + 1);
  parts.zero(4 * pool::threads() + 1);
  const size_t tasks = s.length < 1 << 16 ? 1 : 4 * pool::threads(), step = (s.length + tasks - 1) / tasks;
  parallel(tasks, [&](size_t t) {
    size_t from = t * step, to = from + step < s.length ? from + step : s.length;
    if (from < to) parts[t] = maxMagnitude(s, from, to);
  });
  u64 most = 0;
  for (size_t t = 0; t < tasks; ++t) most = parts[t] > most ? parts[t] : most;
  return most;
}

}  // namespace

void matmul(const Source& a, const Source& w, size_t m, size_t n, size_t k, i64* out) {
  if (m == 0 || n == 0) return;
  const u64 bound = magnitudeOf(a), boundW = magnitudeOf(w);
  const u64 pair = 2 * (bound ? bound : 1) * (boundW ? boundW : 1);  // a sum of two products
  const bool fits = bound <= 32767 && boundW <= 32767 && pair < 1ull << 31;
  const bool copyA16 = fits && a.kind == Source::I32, copyW16 = fits && w.kind == Source::I32;
  const bool copyA32 = !fits && a.kind == Source::I16, copyW32 = !fits && w.kind == Source::I16;
  Buffer<int16_t> a16(copyA16 ? m * k : 0), w16(copyW16 ? n * k : 0);
  Buffer<int32_t> a32(copyA32 ? m * k : 0), w32(copyW32 ? n * k : 0);
  Gemm g{nullptr, nullptr, m, n, k, 0, out};
  if (fits) {
    g.a = narrow(a, a16), g.w = narrow(w, w16);
    g.burst = ((1ull << 31) - 1) / pair;
    if (g.burst > 4096) g.burst = 4096;
  } else {
    g.a = widen(a, a32), g.w = widen(w, w32);
  }
  // Blocks of about 256 KiB of w stay in the second-level cache while the rows of a pass by.
  const size_t bytes = (k ? k : 1) * (fits ? 2 : 4);
  size_t nStep = (256 << 10) / bytes / 4 * 4, mStep = 64;
  if (nStep < 4) nStep = 4;
  while (nStep > 4 && (n + nStep - 1) / nStep * ((m + mStep - 1) / mStep) < 4 * pool::threads())
    nStep = (nStep / 2 + 3) / 4 * 4;
  const size_t nBlocks = (n + nStep - 1) / nStep, mBlocks = (m + mStep - 1) / mStep;
  auto block = [&](size_t t) {
    size_t i = t % mBlocks * mStep, j = t / mBlocks * nStep;
    g.block(i, i + mStep < m ? i + mStep : m, j, j + nStep < n ? j + nStep : n);
  };
  if (m * n * k < 1 << 15)
    for (size_t t = 0; t < mBlocks * nBlocks; ++t) block(t);
  else parallel(mBlocks * nBlocks, block);
}

}  // namespace PM_ISA
