// Goldilocks arithmetic, p = 2^64 - 2^32 + 1: the scalar reference of the vector types in avx2.h and avx512.h.
//
// Every vector type V offers the same operations. "canonical" means < p, "lazy" any 64-bit representative:
//   add, sub    canonical x canonical -> canonical        canon      lazy -> canonical
//   addL, subL  lazy x canonical -> lazy                  mulL       lazy x lazy -> lazy
//   reduceWide  (hi, lo) -> lazy value of hi 2^64 + lo
//   Acc<V>      an unreduced 128-bit sum of products: product / mac (one operand canonical) and reduceL
// They rest on 2^64 = EPS (mod p), 2^96 = -1, with EPS = 2^32 - 1.
#pragma once
#include <cstddef>
#include <cstdint>

// The field layer is always inlined: vectors passed to calls would travel through memory.
#define PM_INLINE __attribute__((always_inline)) inline

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;
typedef int64_t i64;
typedef unsigned __int128 u128;
typedef __int128 i128;

namespace PM_ISA {

constexpr u64 P = 0xffffffff00000001ull;
constexpr u64 EPS = 0xffffffffull;

struct Scalar {
  static constexpr size_t W = 1;
  u64 v;
  static Scalar load(const u64* p) { return {*p}; }
  // The first min(n, W) entries at p, then zeros.
  static Scalar loadPart(const u64* p, size_t) { return {*p}; }
  static Scalar set(u64 x) { return {x}; }
  void store(u64* p) const { *p = v; }
};

template <class V>
struct Acc {
  V lo, hi;
};

// Without branches: whether sums wrap is a coin toss.
PM_INLINE u64 maskIf(bool b) { return 0 - (u64)b; }
PM_INLINE Scalar canon(Scalar a) { return {a.v - (P & maskIf(a.v >= P))}; }
PM_INLINE Scalar addL(Scalar a, Scalar b) {
  u64 s = a.v + b.v;
  return {s + (EPS & maskIf(s < a.v))};
}
PM_INLINE Scalar subL(Scalar a, Scalar b) {
  u64 d = a.v - b.v;
  return {d - (EPS & maskIf(a.v < b.v))};
}
PM_INLINE Scalar add(Scalar a, Scalar b) { return canon(addL(a, b)); }
PM_INLINE Scalar sub(Scalar a, Scalar b) { return {a.v - b.v + (P & maskIf(a.v < b.v))}; }
PM_INLINE Scalar reduceWide(Scalar hi, Scalar lo) {
  Scalar t = subL(lo, {hi.v >> 32});
  u64 m = (hi.v & EPS) * EPS, r = t.v + m;
  return {r + (EPS & maskIf(r < m))};
}
PM_INLINE Scalar mulL(Scalar a, Scalar b) {
  u128 x = (u128)a.v * b.v;
  return reduceWide({(u64)(x >> 64)}, {(u64)x});
}
PM_INLINE Acc<Scalar> product(Scalar a, Scalar b) {
  u128 x = (u128)a.v * b.v;
  return {{(u64)x}, {(u64)(x >> 64)}};
}
// The high half is itself kept mod p: its overflow 2^128 = EPS 2^64 is added back.
PM_INLINE void mac(Acc<Scalar>& acc, Scalar a, Scalar b) {
  u128 x = (u128)a.v * b.v + acc.lo.v;
  acc.lo.v = (u64)x;
  acc.hi = addL(acc.hi, {(u64)(x >> 64)});
}
PM_INLINE Scalar reduceL(Acc<Scalar> a) { return reduceWide(a.hi, a.lo); }
PM_INLINE Acc<Scalar> zeroAcc(Scalar) { return {{0}, {0}}; }
PM_INLINE Scalar mul7(Scalar a) { return canon(mulL(a, {7})); }

}  // namespace PM_ISA
