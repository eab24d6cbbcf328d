// The vector type of this build (PM_ISA), lanes with a scalar remainder, and the extension K = F[x]/(x^2 - 7).
#pragma once
#if defined(__AVX512F__)
#include "avx512.h"
#elif defined(__AVX2__)
#include "avx2.h"
#else
#include "goldilocks.h"
#endif

namespace PM_ISA {

#if !defined(__AVX2__)
typedef Scalar Vec;
PM_INLINE void transpose(Scalar (&)[1]) {}
#endif

constexpr size_t W = Vec::W;

// Integer lanes of the scalar type: see loadInts in avx2.h.
template <class T>
PM_INLINE Scalar loadInts(Scalar, const T* p) {
  return {(u64)(i64)*p};
}
PM_INLINE Scalar mulInts(Scalar a, Scalar b) { return {(u64)((i64)(int32_t)a.v * (int32_t)b.v)}; }
PM_INLINE Scalar addInts(Scalar a, Scalar b) { return {a.v + b.v}; }
PM_INLINE Scalar upper(Scalar a) { return {a.v >> 32}; }

// Calls body(V{}, i) for i over [begin, end): V = Vec while W lanes are left, then V = Scalar.
template <class Body>
inline void lanes(size_t begin, size_t end, Body&& body) {
  size_t i = begin;
  for (; i + Vec::W <= end; i += Vec::W) body(Vec{}, i);
  if constexpr (Vec::W > 1)
    for (; i < end; ++i) body(Scalar{}, i);
}

template <class V>
PM_INLINE V mul(V a, V b) {
  return canon(mulL(a, b));
}
// 2^48 = sqrt(-1) and 2^32 times a lazy value; lazy.
PM_INLINE Scalar mulSqrtMinusOneL(Scalar a) { return reduceWide(Scalar{a.v >> 16}, Scalar{a.v << 48}); }
PM_INLINE Scalar shift32L(Scalar a) { return reduceWide(Scalar{a.v >> 32}, Scalar{a.v << 32}); }
#if defined(__AVX512F__)
PM_INLINE Vec mulSqrtMinusOneL(Vec a) {
  return reduceWide(Vec{_mm512_srli_epi64(a.v, 16)}, Vec{_mm512_slli_epi64(a.v, 48)});
}
PM_INLINE Vec shift32L(Vec a) { return reduceWide(Vec{_mm512_srli_epi64(a.v, 32)}, Vec{_mm512_slli_epi64(a.v, 32)}); }
#elif defined(__AVX2__)
PM_INLINE Vec mulSqrtMinusOneL(Vec a) {
  return reduceWide(Vec{_mm256_srli_epi64(a.v, 16)}, Vec{_mm256_slli_epi64(a.v, 48)});
}
PM_INLINE Vec shift32L(Vec a) { return reduceWide(Vec{_mm256_srli_epi64(a.v, 32)}, Vec{_mm256_slli_epi64(a.v, 32)}); }
#endif

// Sum of the lanes of a canonical vector.
template <class V>
inline u64 laneSum(V a) {
  u64 x[V::W];
  a.store(x);
  Scalar s{0};
  for (u64 e : x) s = add(s, Scalar{e});
  return s.v;
}
inline u64 powF(u64 base, u64 e) {
  Scalar r{1}, b{base};
  for (; e; e >>= 1, b = mul(b, b))
    if (e & 1) r = mul(r, b);
  return r.v;
}
// The canonical root of unity of order 2^logOrder.
inline u64 rootOfUnity(unsigned logOrder) { return powF(7, (P - 1) >> logOrder); }

// An element of K per lane, canonical.
template <class V>
struct KV {
  static constexpr size_t W = V::W;
  V c0, c1;
  static KV set(const u64* k) { return {V::set(k[0]), V::set(k[1])}; }
};
template <class V>
PM_INLINE KV<V> add(KV<V> a, KV<V> b) {
  return {add(a.c0, b.c0), add(a.c1, b.c1)};
}
template <class V>
PM_INLINE KV<V> sub(KV<V> a, KV<V> b) {
  return {sub(a.c0, b.c0), sub(a.c1, b.c1)};
}
template <class V>
PM_INLINE KV<V> mul(KV<V> a, KV<V> b) {
  Acc<V> c0 = product(a.c0, b.c0), c1 = product(a.c0, b.c1);
  mac(c0, a.c1, mul7(b.c1));
  mac(c1, a.c1, b.c0);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}
template <class V>
PM_INLINE KV<V> mul(V a, KV<V> b) {
  return {mul(a, b.c0), mul(a, b.c1)};
}
template <class V>
PM_INLINE KV<V> mul(KV<V> a, V b) {
  return mul(b, a);
}
// 1/a = (a0 - a1 x)/(a0^2 - 7 a1^2); 0 for 0.
inline KV<Scalar> inverse(KV<Scalar> a) {
  const Scalar norm = sub(mul(a.c0, a.c0), mul7(mul(a.c1, a.c1))), over{powF(norm.v, P - 2)};
  return {mul(a.c0, over), mul(sub(Scalar{0}, a.c1), over)};
}

// Unreduced sum of products in K: c0 = real + 7 nonres, c1 = cross.
template <class V>
struct KAcc {
  Acc<V> real = zeroAcc(V{}), nonres = zeroAcc(V{}), cross = zeroAcc(V{});
  __attribute__((noinline)) KV<V> value() const {
    return {add(canon(reduceL(real)), mul7(canon(reduceL(nonres)))), canon(reduceL(cross))};
  }
};
template <class V>
PM_INLINE void mac(KAcc<V>& acc, KV<V> a, KV<V> b) {
  mac(acc.real, a.c0, b.c0);
  mac(acc.nonres, a.c1, b.c1);
  mac(acc.cross, a.c0, b.c1);
  mac(acc.cross, a.c1, b.c0);
}
template <class V>
PM_INLINE void mac(KAcc<V>& acc, V a, KV<V> b) {
  mac(acc.real, a, b.c0);
  mac(acc.cross, a, b.c1);
}
template <class V>
PM_INLINE void mac(KAcc<V>& acc, KV<V> a, V b) {
  mac(acc, b, a);
}
template <class V>
PM_INLINE void mac(KAcc<V>& acc, V a, V b) {
  mac(acc.real, a, b);
}

}  // namespace PM_ISA
