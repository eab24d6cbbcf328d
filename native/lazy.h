// Small integers times field elements, without reduction: a field element as a signed pair c = low + 2^32 high packed
// into one word, so that integer x c needs two signed 32-bit products, summed in 64 bits while they fit.
#pragma once
#include "source.h"

namespace PM_ISA {

// Balanced representative in [-(p+1)/2, (p-3)/2]: both its signed halves fit 32 bits.
inline i64 balancedPair(u64 c) {
  i64 x = (i64)(c >= (P - 1) / 2 ? c - P : c);
  u64 low = (u64)x & EPS;
  u64 high = (u64)(x - (i64)(int32_t)low) >> 32;
  return (i64)(low | high << 32);
}

// low + 2^32 high mod p.
inline u64 foldPair(i128 low, i128 high) {
  i128 x = low + (high << 32);
  bool negative = x < 0;
  u128 a = (u128)(negative ? -x : x);
  u64 r = canon(reduceWide(Scalar{(u64)(a >> 64)}, Scalar{(u64)a})).v;
  return negative && r ? P - r : r;
}

// How many products with a pair may be summed in 64 bits; 0 when entries do not fit 32 bits.
inline size_t lazyCapacity(u64 magnitude) {
  if (magnitude >= 1ull << 31) return 0;
  return (size_t)((~0ull >> 1) / ((magnitude ? magnitude : 1) << 31));
}
constexpr size_t LEAST_CAPACITY = 64;

inline size_t lazyCapacity(const Source& s) {
  switch (s.kind) {
    case Source::I16: return (size_t)1 << 16;
    case Source::U64: return 0;
    default: break;
  }
  u64 magnitude = 0;
  for (size_t i = 0, step = 4096; i < s.length; i += step) {
    u64 m = maxMagnitude(s, i, i + step < s.length ? i + step : s.length);
    if (m > magnitude) magnitude = m;
    if (lazyCapacity(magnitude) < LEAST_CAPACITY) return 0;
  }
  return lazyCapacity(magnitude);
}

// sums[r][q] += <rows[r], w[q]> over `length` entries, as unreduced pairs; R rows share the loads of two weights.
template <class T, size_t R>
inline void lazyTile(const T* const* rows, const i64* const (&w)[2], size_t length, i64 (*sums)[2][2]) {
  Vec low[R][2], high[R][2];
#pragma GCC unroll 4
  for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int q = 0; q < 2; ++q) low[r][q] = high[r][q] = Vec::set(0);
  size_t j = 0;
  for (; j + Vec::W <= length; j += Vec::W) {
    Vec w0 = Vec::load((const u64*)w[0] + j), w1 = Vec::load((const u64*)w[1] + j);
    Vec h0 = upper(w0), h1 = upper(w1);
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      Vec x = loadInts(Vec{}, rows[r] + j);
      low[r][0] = addInts(low[r][0], mulInts(x, w0)), high[r][0] = addInts(high[r][0], mulInts(x, h0));
      low[r][1] = addInts(low[r][1], mulInts(x, w1)), high[r][1] = addInts(high[r][1], mulInts(x, h1));
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int q = 0; q < 2; ++q) {
      u64 a[Vec::W], b[Vec::W];
      low[r][q].store(a), high[r][q].store(b);
      for (size_t l = 0; l < Vec::W; ++l) sums[r][q][0] += (i64)a[l], sums[r][q][1] += (i64)b[l];
      for (size_t t = j; t < length; ++t) {
        i64 x = (i64)rows[r][t];
        sums[r][q][0] += x * (int32_t)w[q][t], sums[r][q][1] += x * (w[q][t] >> 32);
      }
    }
}

#if defined(__AVX512F__)
constexpr size_t TILE_ROWS = 4;
#else
constexpr size_t TILE_ROWS = 2;
#endif

}  // namespace PM_ISA
