// Inner products of 16-bit integers and field elements by 16-bit multiply-adds: an element in balanced representation is
// six digits of 11 bits, and products of pairs are summed in 32 bits while they fit.
#pragma once
#include "lazy.h"

#if defined(__AVX2__)
#define PM_DIGITS

namespace PM_ISA {

constexpr size_t DIGITS = 6, DIGIT_BITS = 11;
// Entries whose products, 2^25 at most, fit 32 bits when summed in 16 lanes (8 lanes: in two goes, see below).
constexpr size_t DIGIT_BLOCK = 960;

// Digit k of entry j to out[k DIGIT_BLOCK + j].
inline void toDigits(const u64* x, size_t n, int16_t* out) {
  for (size_t j = 0; j < n; ++j) {
    i64 rest = (i64)(x[j] >= (P - 1) / 2 ? x[j] - P : x[j]);
#pragma GCC unroll 6
    for (size_t k = 0; k < DIGITS; ++k) {
      const i64 digit = (i64)((u64)rest << (64 - DIGIT_BITS)) >> (64 - DIGIT_BITS);
      out[k * DIGIT_BLOCK + j] = (int16_t)digit;
      rest = (rest - digit) >> DIGIT_BITS;
    }
  }
}

#if defined(__AVX512F__)
constexpr size_t DIGIT_ROWS = 4, SHORTS = 32, GO = DIGIT_BLOCK;
typedef __m512i Shorts;
PM_INLINE Shorts loadShorts(const int16_t* p, size_t n) {
  return n >= SHORTS ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16((__mmask32)((1ull << n) - 1), p);
}
PM_INLINE Shorts noShorts() { return _mm512_setzero_si512(); }
// Sums of neighbours, as 64-bit lanes.
PM_INLINE Shorts pairSums(Shorts a) {
  return _mm512_add_epi64(_mm512_srai_epi64(a, 32), _mm512_srai_epi64(_mm512_slli_epi64(a, 32), 32));
}
PM_INLINE Shorts addLongs(Shorts a, Shorts b) { return _mm512_add_epi64(a, b); }
template <int BITS>
PM_INLINE Shorts shiftLongs(Shorts a) { return _mm512_slli_epi64(a, BITS); }
PM_INLINE i64 sumLongs(Shorts a) { return _mm512_reduce_add_epi64(a); }
template <bool VNNI>
PM_INLINE void addProducts(Shorts& sum, Shorts a, Shorts b) {
  if constexpr (VNNI) asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  else sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}
inline bool haveVnni() {
  static const bool have = __builtin_cpu_supports("avx512vnni");
  return have;
}
#else
constexpr size_t DIGIT_ROWS = 2, SHORTS = 16, GO = DIGIT_BLOCK / 2;
typedef __m256i Shorts;
PM_INLINE Shorts loadShorts(const int16_t* p, size_t n) {
  if (n >= SHORTS) return _mm256_loadu_si256((const __m256i*)p);
  int16_t part[SHORTS] = {};
  for (size_t i = 0; i < n; ++i) part[i] = p[i];
  return _mm256_loadu_si256((const __m256i*)part);
}
PM_INLINE Shorts noShorts() { return _mm256_setzero_si256(); }
PM_INLINE Shorts pairSums(Shorts a) {
  return _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(a)),
                          _mm256_cvtepi32_epi64(_mm256_extracti128_si256(a, 1)));
}
PM_INLINE Shorts addLongs(Shorts a, Shorts b) { return _mm256_add_epi64(a, b); }
template <int BITS>
PM_INLINE Shorts shiftLongs(Shorts a) { return _mm256_slli_epi64(a, BITS); }
PM_INLINE i64 sumLongs(Shorts a) {
  i64 x[4];
  _mm256_storeu_si256((__m256i*)x, a);
  return x[0] + x[1] + x[2] + x[3];
}
template <bool>
PM_INLINE void addProducts(Shorts& sum, Shorts a, Shorts b) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
inline bool haveVnni() { return false; }
#endif

template <size_t R, bool VNNI>
inline void digitTileOf(const int16_t* const* rows, const int16_t* digits, size_t n, u64* sums) {
  i128 total[R] = {};
  for (size_t from = 0; from < n; from += GO) {
    const size_t to = n - from < GO ? n : from + GO;
    Shorts acc[R][DIGITS];
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 6
      for (size_t k = 0; k < DIGITS; ++k) acc[r][k] = noShorts();
    for (size_t j = from; j < to; j += SHORTS) {
      Shorts x[R];
#pragma GCC unroll 4
      for (size_t r = 0; r < R; ++r) x[r] = loadShorts(rows[r] + j, to - j);
#pragma GCC unroll 6
      for (size_t k = 0; k < DIGITS; ++k) {
        // Digits past the end meet zeros.
        const Shorts d = loadShorts(digits + k * DIGIT_BLOCK + j, SHORTS);
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) addProducts<VNNI>(acc[r][k], x[r], d);
      }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < R; ++r) {
      Shorts half[2];
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h)
        half[h] = addLongs(pairSums(acc[r][3 * h]),
                           addLongs(shiftLongs<DIGIT_BITS>(pairSums(acc[r][3 * h + 1])),
                                    shiftLongs<2 * DIGIT_BITS>(pairSums(acc[r][3 * h + 2]))));
      total[r] += (i128)sumLongs(half[0]) + ((i128)sumLongs(half[1]) << (3 * DIGIT_BITS));
    }
  }
  for (size_t r = 0; r < R; ++r) sums[r] = foldPair(total[r], 0);
}

// sums[r] = <rows[r], elements> for n <= DIGIT_BLOCK entries, the elements as digits.
template <size_t R>
inline void digitTile(const int16_t* const* rows, const int16_t* digits, size_t n, u64* sums) {
  if (haveVnni()) digitTileOf<R, true>(rows, digits, n, sums);
  else digitTileOf<R, false>(rows, digits, n, sums);
}

}  // namespace PM_ISA
#endif
