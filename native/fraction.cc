// The fraction tree: p/q + p'/q' layer by layer, and the rounds of its GKR sumcheck.
#include <mutex>

#include "buffer.h"
#include "kernels.h"
#include "pool.h"
#include "tables.h"

namespace PM_ISA {

namespace {

constexpr size_t GRAIN = 4096;

// a b + c d with one reduction a component; b7 and d7 are 7 times the second components of b and d.
template <class V>
PM_INLINE KV<V> cross(KV<V> a, KV<V> b, V b7, KV<V> c, KV<V> d, V d7) {
  Acc<V> c0 = product(a.c0, b.c0), c1 = product(a.c0, b.c1);
  mac(c0, a.c1, b7), mac(c0, c.c0, d.c0), mac(c0, c.c1, d7);
  mac(c1, a.c1, b.c0), mac(c1, c.c0, d.c1), mac(c1, c.c1, d.c0);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}
template <class V>
PM_INLINE KV<V> cross(V a, KV<V> b, V, V c, KV<V> d, V) {
  Acc<V> c0 = product(a, b.c0), c1 = product(a, b.c1);
  mac(c0, c, d.c0), mac(c1, c, d.c1);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}

// Entry i of a layer's p: over F where c1 is null.
template <class V, bool BASE>
PM_INLINE auto loadP(const KSpan& p, size_t i) {
  if constexpr (BASE) return V::load(p.c0 + i);
  else return loadK<V>(p, i);
}

template <bool BASE>
void up(const KSpan& p, const KSpan& q, const KSpan& outP, const KSpan& outQ) {
  const size_t half = outQ.length;
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    lanes(begin, end, [&](auto v, size_t i) {
      using V = decltype(v);
      KV<V> q0 = loadK<V>(q, i), q1 = loadK<V>(q, half + i);
      V q07 = mul7(q0.c1), q17 = mul7(q1.c1);
      storeK(outP, i, cross(loadP<V, BASE>(p, i), q1, q17, loadP<V, BASE>(p, half + i), q0, q07));
      Acc<V> c0 = product(q0.c0, q1.c0), c1 = product(q0.c0, q1.c1);
      mac(c0, q0.c1, q17), mac(c1, q0.c1, q1.c0);
      storeK(outQ, i, KV<V>{canon(reduceL(c0)), canon(reduceL(c1))});
    });
  });
}

template <class V>
PM_INLINE KV<V> addP(KV<V> p, KV<V> q) {
  return add(p, q);
}
template <class V>
PM_INLINE KV<V> addP(V p, KV<V> q) {
  return {add(p, q.c0), q.c1};
}
template <class V>
PM_INLINE KV<V> widen(KV<V> p) {
  return p;
}
template <class V>
PM_INLINE KV<V> widen(V p) {
  return {p, V::set(0)};
}

template <bool BASE>
PM_INLINE auto loadPartP(const KSpan& p, size_t i, size_t n) {
  if constexpr (BASE) return Vec::loadPart(p.c0 + i, n);
  else return loadPartK<Vec>(p, i, n);
}

// The four tables, and m = lambda q0, at one value of t.
template <class PV>
struct Point {
  PV p0, p1;
  KV<Vec> q0, q1, m;

  PM_INLINE Point operator-(const Point& o) const {
    return {sub(p0, o.p0), sub(p1, o.p1), sub(q0, o.q0), sub(q1, o.q1), sub(m, o.m)};
  }
};

template <bool BASE>
PM_INLINE auto loadPoint(const KSpan* t, KV<Vec> lambda, size_t i, size_t n) {
  KV<Vec> q0 = loadPartK<Vec>(t[2], i, n);
  return Point<decltype(loadPartP<BASE>(t[0], i, n))>{loadPartP<BASE>(t[0], i, n), loadPartP<BASE>(t[1], i, n), q0,
                                                      loadPartK<Vec>(t[3], i, n), mul(q0, lambda)};
}

// Entries [i, i + n) of a row: acc[0..2] += weight ((p0 + lambda q0) q1 + p1 q0) at t = 0, at t = 1, and its leading
// coefficient in t. Lanes past n have weight 0.
template <bool BASE>
PM_INLINE void roundTerm(const KSpan* t, KV<Vec> lambda, KV<Vec> weight, size_t half, size_t i, size_t n, KAcc<Vec>* acc) {
  auto low = loadPoint<BASE>(t, lambda, i, n), high = loadPoint<BASE>(t, lambda, half + i, n);
  const decltype(low) points[3] = {low, high, high - low};
#pragma GCC unroll 1
  for (int e = 0; e < 3; ++e) {
    const auto& x = points[e];
    mac(acc[e], cross(addP(x.p0, x.m), x.q1, mul7(x.q1.c1), widen(x.p1), x.q0, mul7(x.q0.c1)), weight);
  }
}

template <bool BASE>
void round(const KSpan* t, const u64* l, const KSpan& eqHigh, const KSpan& eqLow, u64* h) {
  const size_t half = t[2].length / 2, low = eqLow.length;
  const KV<Vec> lambda = KV<Vec>::set(l);
  std::mutex lock;
  // Row x_high of the table is summed with eqLow, then weighted once with eqHigh.
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    u64 total[6] = {};
    for (size_t i = begin; i < end;) {
      const size_t row = i / low, stop = (row + 1) * low < end ? (row + 1) * low : end;
      KAcc<Vec> acc[3];
      for (; i < stop; i += W)
        roundTerm<BASE>(t, lambda, loadPartK<Vec>(eqLow, i - row * low, stop - i), half, i, stop - i, acc);
      i = stop;
      for (int e = 0; e < 3; ++e) {
        u64 s[2] = {};
        addTo(s, acc[e].value());
        addTo(total + 2 * e, mul(KV<Scalar>{{s[0]}, {s[1]}}, loadK<Scalar>(eqHigh, row)));
      }
    }
    std::lock_guard<std::mutex> hold(lock);
    for (int e = 0; e < 3; ++e) addTo(h + 2 * e, KV<Scalar>{{total[2 * e]}, {total[2 * e + 1]}});
  });
}

}  // namespace

void fractionUp(const KSpan& p, const KSpan& q, const KSpan& outP, const KSpan& outQ) {
  if (p.c1) up<false>(p, q, outP, outQ);
  else up<true>(p, q, outP, outQ);
}

void fractionRound(const KSpan* t, const u64* lambda, const KSpan& eqHigh, const KSpan& eqLow, u64* out) {
  for (int i = 0; i < 6; ++i) out[i] = 0;
  if (t[0].c1) round<false>(t, lambda, eqHigh, eqLow, out);
  else round<true>(t, lambda, eqHigh, eqLow, out);
  // h(2) = 2 h(1) - h(0) + 2 (leading coefficient)
  for (int c = 0; c < 2; ++c) {
    Scalar s = add(Scalar{out[2 + c]}, Scalar{out[4 + c]});
    out[4 + c] = sub(add(s, s), Scalar{out[c]}).v;
  }
}

}  // namespace PM_ISA
