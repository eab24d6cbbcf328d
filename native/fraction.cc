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
inline KV<V> cross(KV<V> a, KV<V> b, V b7, KV<V> c, KV<V> d, V d7) {
  Acc<V> c0 = product(a.c0, b.c0), c1 = product(a.c0, b.c1);
  mac(c0, a.c1, b7), mac(c0, c.c0, d.c0), mac(c0, c.c1, d7);
  mac(c1, a.c1, b.c0), mac(c1, c.c0, d.c1), mac(c1, c.c1, d.c0);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}
template <class V>
inline KV<V> cross(V a, KV<V> b, V, V c, KV<V> d, V) {
  Acc<V> c0 = product(a, b.c0), c1 = product(a, b.c1);
  mac(c0, c, d.c0), mac(c1, c, d.c1);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}

// Entry i of a layer's p: over F where c1 is null.
template <class V, bool BASE>
inline auto loadP(const KSpan& p, size_t i) {
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
inline KV<V> addP(KV<V> p, KV<V> q) {
  return add(p, q);
}
template <class V>
inline KV<V> addP(V p, KV<V> q) {
  return {add(p, q.c0), q.c1};
}
template <class V>
inline KV<V> widen(KV<V> p) {
  return p;
}
template <class V>
inline KV<V> widen(V p) {
  return {p, V::set(0)};
}

// acc[0..2] += weight * ((p0 + lambda q0) q1 + p1 q0) at t = 0, at t = 1, and its leading coefficient in t.
template <class V, bool BASE>
inline void roundTerm(const KSpan* t, const u64* lambda, KV<V> weight, size_t half, size_t i, KAcc<V>* acc) {
  const KV<V> l{V::set(lambda[0]), V::set(lambda[1])};
  auto a0 = loadP<V, BASE>(t[0], i), a1 = loadP<V, BASE>(t[0], half + i);
  auto b0 = loadP<V, BASE>(t[1], i), b1 = loadP<V, BASE>(t[1], half + i);
  KV<V> x0 = loadK<V>(t[2], i), x1 = loadK<V>(t[2], half + i);
  KV<V> y0 = loadK<V>(t[3], i), y1 = loadK<V>(t[3], half + i);
  KV<V> m0 = mul(x0, l), m1 = mul(x1, l);
  auto term = [&](auto a, KV<V> m, auto b, KV<V> x, KV<V> y, KAcc<V>& to) {
    mac(to, cross(addP(a, m), y, mul7(y.c1), widen(b), x, mul7(x.c1)), weight);
  };
  term(a0, m0, b0, x0, y0, acc[0]);
  term(a1, m1, b1, x1, y1, acc[1]);
  term(sub(a1, a0), sub(m1, m0), sub(b1, b0), sub(x1, x0), sub(y1, y0), acc[2]);
}

template <bool BASE>
void round(const KSpan* t, const u64* lambda, const KSpan& eqHigh, const KSpan& eqLow, u64* h) {
  const size_t half = t[2].length / 2, low = eqLow.length;
  std::mutex lock;
  // Row x_high of the table is summed with eqLow, then weighted once with eqHigh.
  auto rows = [&](size_t begin, size_t end) {
    u64 total[6] = {};
    for (size_t i = begin; i < end;) {
      const size_t row = i / low, stop = (row + 1) * low < end ? (row + 1) * low : end;
      KAcc<Vec> acc[3];
      KAcc<Scalar> rest[3];
      for (; i + W <= stop; i += W)
        roundTerm<Vec, BASE>(t, lambda, loadK<Vec>(eqLow, i - row * low), half, i, acc);
      for (; i < stop; ++i) roundTerm<Scalar, BASE>(t, lambda, loadK<Scalar>(eqLow, i - row * low), half, i, rest);
      for (int e = 0; e < 3; ++e) {
        u64 s[2] = {};
        addTo(s, acc[e].value()), addTo(s, rest[e].value());
        addTo(total + 2 * e, mul(KV<Scalar>{{s[0]}, {s[1]}}, loadK<Scalar>(eqHigh, row)));
      }
    }
    std::lock_guard<std::mutex> hold(lock);
    for (int e = 0; e < 3; ++e) addTo(h + 2 * e, KV<Scalar>{{total[2 * e]}, {total[2 * e + 1]}});
  };
  parallelRanges(half, GRAIN, rows);
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
