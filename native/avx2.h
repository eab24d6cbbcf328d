// Four Goldilocks lanes. AVX2 has only signed comparisons, so sums are formed on values shifted by 2^63; where the
// added term is below p a wrap shows in the high dword alone, and the cheaper 32-bit comparison decides.
#pragma once
#include <immintrin.h>

#include "goldilocks.h"

namespace PM_ISA {

struct Avx2 {
  static constexpr size_t W = 4;
  __m256i v;
  static Avx2 load(const u64* p) { return {_mm256_loadu_si256((const __m256i*)p)}; }
  static Avx2 loadPart(const u64* p, size_t n) {
    __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x((i64)n), _mm256_set_epi64x(3, 2, 1, 0));
    return {_mm256_maskload_epi64((const long long*)p, mask)};
  }
  static Avx2 set(u64 x) { return {_mm256_set1_epi64x((i64)x)}; }
  void store(u64* p) const { _mm256_storeu_si256((__m256i*)p, v); }
};

PM_INLINE __m256i shifted(__m256i a) { return _mm256_xor_si256(a, _mm256_set1_epi64x(INT64_MIN)); }
// EPS in the lanes where (shifted) a > b by high dwords.
PM_INLINE __m256i epsIfGreater(__m256i a, __m256i b) { return _mm256_srli_epi64(_mm256_cmpgt_epi32(a, b), 32); }
PM_INLINE __m256i addShifted(__m256i as, __m256i b) {
  __m256i s = _mm256_add_epi64(as, b);
  return _mm256_add_epi64(s, epsIfGreater(as, s));
}
PM_INLINE __m256i subShifted(__m256i as, __m256i b) {
  __m256i d = _mm256_sub_epi64(as, b);
  return _mm256_sub_epi64(d, epsIfGreater(d, as));
}
PM_INLINE __m256i high32(__m256i a) { return _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(a))); }

PM_INLINE Avx2 canon(Avx2 a) {
  __m256i over = _mm256_cmpgt_epi64(shifted(a.v), _mm256_set1_epi64x((i64)((P - 1) ^ (1ull << 63))));
  return {_mm256_add_epi64(a.v, _mm256_srli_epi64(over, 32))};
}
PM_INLINE Avx2 addL(Avx2 a, Avx2 b) { return {shifted(addShifted(shifted(a.v), b.v))}; }
PM_INLINE Avx2 subL(Avx2 a, Avx2 b) { return {shifted(subShifted(shifted(a.v), b.v))}; }
PM_INLINE Avx2 sub(Avx2 a, Avx2 b) { return subL(a, b); }  // of canonical values: canonical
PM_INLINE Avx2 add(Avx2 a, Avx2 b) {                        // a - (p - b), p - b in 1..p
  __m256i as = shifted(a.v);
  __m256i nbs = _mm256_sub_epi64(_mm256_set1_epi64x((i64)(P ^ (1ull << 63))), b.v);
  __m256i under = _mm256_cmpgt_epi64(nbs, as);
  return {_mm256_add_epi64(_mm256_sub_epi64(as, nbs), _mm256_and_si256(under, _mm256_set1_epi64x((i64)P)))};
}
PM_INLINE __m256i reduceShifted(__m256i hi, __m256i los) {
  __m256i t = subShifted(los, _mm256_srli_epi64(hi, 32));
  return shifted(addShifted(t, _mm256_mul_epu32(hi, _mm256_set1_epi64x((i64)EPS))));
}
PM_INLINE Avx2 reduceWide(Avx2 hi, Avx2 lo) { return {reduceShifted(hi.v, shifted(lo.v))}; }
PM_INLINE Acc<Avx2> wideProduct(Avx2 a, Avx2 b) {
  const __m256i low = _mm256_set1_epi64x((i64)EPS);
  __m256i ah = high32(a.v), bh = high32(b.v);
  __m256i ll = _mm256_mul_epu32(a.v, b.v), hl = _mm256_mul_epu32(ah, b.v);
  __m256i lh = _mm256_mul_epu32(a.v, bh), hh = _mm256_mul_epu32(ah, bh);
  __m256i t = _mm256_add_epi64(hl, _mm256_srli_epi64(ll, 32));
  __m256i u = _mm256_add_epi64(lh, _mm256_and_si256(t, low));
  __m256i hi = _mm256_add_epi64(_mm256_add_epi64(hh, _mm256_srli_epi64(t, 32)), _mm256_srli_epi64(u, 32));
  __m256i lo = _mm256_blend_epi32(ll, _mm256_slli_epi64(u, 32), 0xaa);
  return {{lo}, {hi}};
}
PM_INLINE Avx2 mulL(Avx2 a, Avx2 b) {
  Acc<Avx2> w = wideProduct(a, b);
  return {reduceShifted(w.hi.v, shifted(w.lo.v))};
}
// Acc<Avx2> keeps both halves shifted.
PM_INLINE Acc<Avx2> product(Avx2 a, Avx2 b) {
  Acc<Avx2> w = wideProduct(a, b);
  return {{shifted(w.lo.v)}, {shifted(w.hi.v)}};
}
PM_INLINE void mac(Acc<Avx2>& acc, Avx2 a, Avx2 b) {
  Acc<Avx2> w = wideProduct(a, b);
  __m256i lo = _mm256_add_epi64(acc.lo.v, w.lo.v);
  __m256i carry = _mm256_cmpgt_epi64(acc.lo.v, lo);  // all ones = -1
  acc.lo.v = lo;
  acc.hi.v = addShifted(acc.hi.v, _mm256_sub_epi64(w.hi.v, carry));
}
PM_INLINE Avx2 reduceL(Acc<Avx2> a) { return {reduceShifted(shifted(a.hi.v), a.lo.v)}; }
PM_INLINE Acc<Avx2> zeroAcc(Avx2) { return {Avx2::set(1ull << 63), Avx2::set(1ull << 63)}; }
// 7a = l + 2^32 h, h < 2^35, its part above 2^64 times EPS.
PM_INLINE Avx2 mul7(Avx2 a) {
  const __m256i seven = _mm256_set1_epi64x(7);
  __m256i l = _mm256_mul_epu32(a.v, seven);
  __m256i h = _mm256_add_epi64(_mm256_mul_epu32(high32(a.v), seven), _mm256_srli_epi64(l, 32));
  __m256i lo = _mm256_blend_epi32(l, _mm256_slli_epi64(h, 32), 0xaa);
  __m256i c = _mm256_srli_epi64(h, 32);
  return canon(addL(Avx2{lo}, Avx2{_mm256_sub_epi64(_mm256_slli_epi64(c, 32), c)}));
}

PM_INLINE void transpose(Avx2 (&r)[4]) {
  __m256i a = _mm256_unpacklo_epi64(r[0].v, r[1].v), b = _mm256_unpackhi_epi64(r[0].v, r[1].v);
  __m256i c = _mm256_unpacklo_epi64(r[2].v, r[3].v), d = _mm256_unpackhi_epi64(r[2].v, r[3].v);
  r[0].v = _mm256_permute2x128_si256(a, c, 0x20), r[1].v = _mm256_permute2x128_si256(b, d, 0x20);
  r[2].v = _mm256_permute2x128_si256(a, c, 0x31), r[3].v = _mm256_permute2x128_si256(b, d, 0x31);
}

// Signed 32-bit lanes of integer data, for lazily accumulated products (see lazy.h).
PM_INLINE Avx2 loadInts(Avx2, const int16_t* p) {
  return {_mm256_cvtepi16_epi64(_mm_loadl_epi64((const __m128i*)p))};
}
PM_INLINE Avx2 loadInts(Avx2, const int32_t* p) { return {_mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i*)p))}; }
PM_INLINE Avx2 loadInts(Avx2, const i64* p) { return {_mm256_loadu_si256((const __m256i*)p)}; }
PM_INLINE Avx2 mulInts(Avx2 a, Avx2 b) { return {_mm256_mul_epi32(a.v, b.v)}; }
PM_INLINE Avx2 addInts(Avx2 a, Avx2 b) { return {_mm256_add_epi64(a.v, b.v)}; }
PM_INLINE Avx2 upper(Avx2 a) { return {high32(a.v)}; }

typedef Avx2 Vec;

}  // namespace PM_ISA
