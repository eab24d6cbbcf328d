// Eight Goldilocks lanes: AVX-512 compares unsigned into masks, so every wrap is one comparison and one masked add.
#pragma once
#include <immintrin.h>

#include "goldilocks.h"

namespace PM_ISA {

struct Avx512 {
  static constexpr size_t W = 8;
  __m512i v;
  static Avx512 load(const u64* p) { return {_mm512_loadu_si512(p)}; }
  static Avx512 loadPart(const u64* p, size_t n) {
    return {_mm512_maskz_loadu_epi64(n >= W ? 0xff : (__mmask8)((1u << n) - 1), p)};
  }
  static Avx512 set(u64 x) { return {_mm512_set1_epi64((i64)x)}; }
  void store(u64* p) const { _mm512_storeu_si512(p, v); }
};

PM_INLINE __m512i eps() { return _mm512_set1_epi64((i64)EPS); }
PM_INLINE __m512i high32(__m512i a) { return _mm512_srli_epi64(a, 32); }

PM_INLINE Avx512 canon(Avx512 a) { return {_mm512_min_epu64(a.v, _mm512_add_epi64(a.v, eps()))}; }
PM_INLINE Avx512 addL(Avx512 a, Avx512 b) {
  __m512i s = _mm512_add_epi64(a.v, b.v);
  return {_mm512_mask_add_epi64(s, _mm512_cmplt_epu64_mask(s, b.v), s, eps())};
}
PM_INLINE Avx512 subL(Avx512 a, Avx512 b) {
  __m512i d = _mm512_sub_epi64(a.v, b.v);
  return {_mm512_mask_sub_epi64(d, _mm512_cmplt_epu64_mask(a.v, b.v), d, eps())};
}
PM_INLINE Avx512 sub(Avx512 a, Avx512 b) { return subL(a, b); }  // of canonical values: canonical
PM_INLINE Avx512 add(Avx512 a, Avx512 b) {
  __m512i n = _mm512_sub_epi64(_mm512_set1_epi64((i64)P), b.v);
  __m512i d = _mm512_sub_epi64(a.v, n);
  return {_mm512_mask_sub_epi64(d, _mm512_cmplt_epu64_mask(a.v, n), d, eps())};
}
PM_INLINE Avx512 reduceWide(Avx512 hi, Avx512 lo) {
  __m512i hh = high32(hi.v);
  __m512i t = _mm512_sub_epi64(lo.v, hh);
  t = _mm512_mask_sub_epi64(t, _mm512_cmplt_epu64_mask(lo.v, hh), t, eps());
  __m512i m = _mm512_mul_epu32(hi.v, eps());
  __m512i r = _mm512_add_epi64(t, m);
  return {_mm512_mask_add_epi64(r, _mm512_cmplt_epu64_mask(r, m), r, eps())};
}
PM_INLINE Acc<Avx512> product(Avx512 a, Avx512 b) {
  __m512i ah = high32(a.v), bh = high32(b.v);
  __m512i ll = _mm512_mul_epu32(a.v, b.v), hl = _mm512_mul_epu32(ah, b.v);
  __m512i lh = _mm512_mul_epu32(a.v, bh), hh = _mm512_mul_epu32(ah, bh);
  __m512i t = _mm512_add_epi64(hl, high32(ll));
  __m512i u = _mm512_add_epi64(lh, _mm512_and_si512(t, eps()));
  __m512i hi = _mm512_add_epi64(_mm512_add_epi64(hh, high32(t)), high32(u));
  __m512i lo = _mm512_mask_shuffle_epi32(ll, 0xaaaa, u, (_MM_PERM_ENUM)0xa0);
  return {{lo}, {hi}};
}
PM_INLINE Avx512 mulL(Avx512 a, Avx512 b) {
  Acc<Avx512> w = product(a, b);
  return reduceWide(w.hi, w.lo);
}
PM_INLINE void mac(Acc<Avx512>& acc, Avx512 a, Avx512 b) {
  Acc<Avx512> w = product(a, b);
  acc.lo.v = _mm512_add_epi64(acc.lo.v, w.lo.v);
  __mmask8 carry = _mm512_cmplt_epu64_mask(acc.lo.v, w.lo.v);
  acc.hi = addL(acc.hi, {_mm512_mask_add_epi64(w.hi.v, carry, w.hi.v, _mm512_set1_epi64(1))});
}
PM_INLINE Avx512 reduceL(Acc<Avx512> a) { return reduceWide(a.hi, a.lo); }
PM_INLINE Acc<Avx512> zeroAcc(Avx512) { return {Avx512::set(0), Avx512::set(0)}; }
// 7a = l + 2^32 h, h < 2^35, its part above 2^64 times EPS.
PM_INLINE Avx512 mul7(Avx512 a) {
  const __m512i seven = _mm512_set1_epi64(7);
  __m512i l = _mm512_mul_epu32(a.v, seven);
  __m512i h = _mm512_add_epi64(_mm512_mul_epu32(high32(a.v), seven), high32(l));
  __m512i lo = _mm512_mask_shuffle_epi32(l, 0xaaaa, h, (_MM_PERM_ENUM)0xa0);
  return canon(addL(Avx512{lo}, Avx512{_mm512_mul_epu32(high32(h), eps())}));
}

PM_INLINE void transpose(Avx512 (&r)[8]) {
  __m512i t[8], s[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_epi64(r[i].v, r[i + 1].v), t[i + 1] = _mm512_unpackhi_epi64(r[i].v, r[i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
    for (int g = 0; g < 8; g += 4) {
      s[g + i] = _mm512_shuffle_i64x2(t[g + i], t[g + 2 + i], 0x88);
      s[g + 2 + i] = _mm512_shuffle_i64x2(t[g + i], t[g + 2 + i], 0xdd);
    }
    r[i].v = _mm512_shuffle_i64x2(s[i], s[4 + i], 0x88), r[4 + i].v = _mm512_shuffle_i64x2(s[i], s[4 + i], 0xdd);
    r[2 + i].v = _mm512_shuffle_i64x2(s[2 + i], s[6 + i], 0x88);
    r[6 + i].v = _mm512_shuffle_i64x2(s[2 + i], s[6 + i], 0xdd);
  }
}

// Signed 32-bit lanes of integer data, for lazily accumulated products (see lazy.h).
PM_INLINE Avx512 loadInts(Avx512, const int16_t* p) {
  return {_mm512_cvtepi16_epi64(_mm_loadu_si128((const __m128i*)p))};
}
PM_INLINE Avx512 loadInts(Avx512, const int32_t* p) {
  return {_mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i*)p))};
}
PM_INLINE Avx512 loadInts(Avx512, const i64* p) { return {_mm512_loadu_si512(p)}; }
PM_INLINE Avx512 mulInts(Avx512 a, Avx512 b) { return {_mm512_mul_epi32(a.v, b.v)}; }
PM_INLINE Avx512 addInts(Avx512 a, Avx512 b) { return {_mm512_add_epi64(a.v, b.v)}; }
PM_INLINE Avx512 upper(Avx512 a) { return {high32(a.v)}; }

typedef Avx512 Vec;

}  // namespace PM_ISA
