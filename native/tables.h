// Loads and stores of planar K vectors.
#pragma once
#include "source.h"

namespace PM_ISA {

constexpr size_t TILE = 256;  // entries converted at a time, in the first-level cache

template <class V>
PM_INLINE KV<V> loadK(const KSpan& s, size_t i) {
  return {V::load(s.c0 + i), V::load(s.c1 + i)};
}
template <class V>
PM_INLINE KV<V> loadPartK(const KSpan& s, size_t i, size_t n) {
  return {V::loadPart(s.c0 + i, n), V::loadPart(s.c1 + i, n)};
}
template <class V>
PM_INLINE void storeK(const KSpan& s, size_t i, KV<V> k) {
  k.c0.store(s.c0 + i), k.c1.store(s.c1 + i);
}
template <class V>
inline void addTo(u64* sum, KV<V> k) {
  sum[0] = add(Scalar{sum[0]}, Scalar{laneSum(k.c0)}).v;
  sum[1] = add(Scalar{sum[1]}, Scalar{laneSum(k.c1)}).v;
}

}  // namespace PM_ISA
