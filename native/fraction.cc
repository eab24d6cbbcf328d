// The fraction tree: p/q + p'/q' layer by layer, and the rounds of its GKR sumcheck.
#include <cstring>
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

// Entries up to `both` have a right child; the right child of the others holds 0/1.
template <bool BASE>
void up(const KSpan& p, const KSpan& q, size_t half, const KSpan& outP, const KSpan& outQ) {
  const size_t both = q.length > half ? q.length - half : 0;
  parallelRanges(both, GRAIN, [&](size_t begin, size_t end) {
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
  parallelRanges(outQ.length - both, 16 * GRAIN, [&](size_t begin, size_t end) {
    const size_t from = both + begin, bytes = (end - begin) * 8;
    std::memcpy(outP.c0 + from, p.c0 + from, bytes);
    if (BASE) std::memset(outP.c1 + from, 0, bytes);
    else std::memcpy(outP.c1 + from, p.c1 + from, bytes);
    std::memcpy(outQ.c0 + from, q.c0 + from, bytes);
    std::memcpy(outQ.c1 + from, q.c1 + from, bytes);
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

// Entries [i, i + W) of a truncated span: past its end 0 (p) or 1 (q).
PM_INLINE Vec loadOr(const u64* x, size_t length, u64 rest, size_t i) {
  if (i + W <= length) return Vec::load(x + i);
  if (i >= length) return Vec::set(rest);
  u64 lanes[W];
  for (size_t l = 0; l < W; ++l) lanes[l] = i + l < length ? x[i + l] : rest;
  return Vec::load(lanes);
}
template <bool BASE>
PM_INLINE auto loadEntry(const KSpan& s, u64 rest, size_t i) {
  if constexpr (BASE) return loadOr(s.c0, s.length, rest, i);
  else return KV<Vec>{loadOr(s.c0, s.length, rest, i), loadOr(s.c1, s.length, 0, i)};
}
// Stores `count` lanes.
PM_INLINE void storePart(u64* x, Vec v, size_t count) {
  if (count >= W) return v.store(x);
  u64 lanes[W];
  v.store(lanes);
  for (size_t l = 0; l < count; ++l) x[l] = lanes[l];
}

PM_INLINE KV<Vec> foldEntry(KV<Vec> low, KV<Vec> high, KV<Vec> r) { return add(low, mul(sub(high, low), r)); }
PM_INLINE KV<Vec> foldEntry(Vec low, Vec high, KV<Vec> r) {
  KV<Vec> d = mul(sub(high, low), r);
  return {add(low, d.c0), d.c1};
}

// Entries [i, i + W) of a span bound at r, stored (`n` lanes of them at most) over its first half. A span over F gets the
// second components in `c1`.
template <bool BASE>
PM_INLINE KV<Vec> foldAt(const KSpan& s, u64 rest, u64* c1, size_t half, KV<Vec> r, size_t i, size_t n) {
  if (i >= s.length) return {Vec::set(rest), Vec::set(0)};
  KV<Vec> x = foldEntry(loadEntry<BASE>(s, rest, i), loadEntry<BASE>(s, rest, half + i), r);
  const size_t end = s.length < half ? s.length : half, count = end - i < n ? end - i : n;
  storePart(s.c0 + i, x.c0, count), storePart(c1 + i, x.c1, count);
  return x;
}

// The four tables at one value of t.
template <class PV>
struct Point {
  PV p0, p1;
  KV<Vec> q0, q1;

  PM_INLINE Point operator-(const Point& o) const {
    return {sub(p0, o.p0), sub(p1, o.p1), sub(q0, o.q0), sub(q1, o.q1)};
  }
};

// The tables p0, p1, q0, q1 of `size` entries, truncated; with FOLD they are bound at r first.
template <bool BASE, bool FOLD>
struct Tables {
  static constexpr bool OUT = BASE && !FOLD;  // p is over F in the round
  const KSpan* t;
  size_t size;  // before folding
  KV<Vec> r;
  u64* c1[4];  // where folded second components go

  PM_INLINE auto at(size_t i, size_t n) const {
    if constexpr (FOLD) {
      const size_t half = size / 2;
      return Point<KV<Vec>>{foldAt<BASE>(t[0], 0, c1[0], half, r, i, n), foldAt<BASE>(t[1], 0, c1[1], half, r, i, n),
                            foldAt<false>(t[2], 1, c1[2], half, r, i, n), foldAt<false>(t[3], 1, c1[3], half, r, i, n)};
    } else {
      return Point<decltype(loadEntry<BASE>(t[0], 0, i))>{loadEntry<BASE>(t[0], 0, i), loadEntry<BASE>(t[1], 0, i),
                                                          loadEntry<false>(t[2], 1, i), loadEntry<false>(t[3], 1, i)};
    }
  }
};

// acc[0..2] += weight ((p0 + lambda q0) q1 + p1 q0) at t = 0, at t = 1, and its leading coefficient in t.
template <class PV>
PM_INLINE void roundTerm(Point<PV> low, Point<PV> high, KV<Vec> lambda, KV<Vec> weight, KAcc<Vec>* acc) {
  const Point<PV> points[3] = {low, high, high - low};
#pragma GCC unroll 1
  for (int e = 0; e < 3; ++e) {
    const auto& x = points[e];
    mac(acc[e], cross(addP(x.p0, mul(x.q0, lambda)), x.q1, mul7(x.q1.c1), widen(x.p1), x.q0, mul7(x.q0.c1)), weight);
  }
}

template <bool BASE, bool FOLD>
void round(const Tables<BASE, FOLD>& tables, const u64* l, const KSpan& eqHigh, const KSpan& eqLow, u64* h) {
  const size_t half = (FOLD ? tables.size / 2 : tables.size) / 2, low = eqLow.length;
  // From here on p1 = 0, q1 = 1 in the whole line.
  const size_t plain = tables.t[1].length > tables.t[3].length ? tables.t[1].length : tables.t[3].length;
  const KV<Vec> lambda = KV<Vec>::set(l);
  std::mutex lock;
  // Row x_high of the table is summed with eqLow, then weighted once with eqHigh.
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    u64 total[6] = {};
    for (size_t i = begin; i < end;) {
      const size_t row = i / low, stop = (row + 1) * low < end ? (row + 1) * low : end;
      KAcc<Vec> acc[3];
      for (; i < stop; i += W) {
        const size_t n = stop - i;
        const KV<Vec> weight = loadPartK<Vec>(eqLow, i - row * low, n);
        const auto a = tables.at(i, n), b = tables.at(half + i, n);
        if (i >= plain) {
          mac(acc[0], addP(a.p0, mul(a.q0, lambda)), weight), mac(acc[1], addP(b.p0, mul(b.q0, lambda)), weight);
        } else {
          roundTerm(a, b, lambda, weight, acc);
        }
      }
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

template <bool BASE>
void bind(const Tables<BASE, true>& tables) {
  const size_t half = tables.size / 2;
  for (size_t i = 0; i < half; i += W) tables.at(i, half - i);
}

template <bool BASE>
void step(const KSpan* t, size_t size, const u64* r, u64* const* c1, const u64* lambda, const KSpan& eqHigh,
          const KSpan& eqLow, u64* h) {
  if (!r) return round(Tables<BASE, false>{t, size, {}, {}}, lambda, eqHigh, eqLow, h);
  const Tables<BASE, true> tables{t, size, KV<Vec>::set(r), {c1[0], c1[1], t[2].c1, t[3].c1}};
  if (eqLow.length) round(tables, lambda, eqHigh, eqLow, h);
  else bind(tables);
}

}  // namespace

void fractionUp(const KSpan& p, const KSpan& q, size_t half, const KSpan& outP, const KSpan& outQ) {
  if (p.c1) up<false>(p, q, half, outP, outQ);
  else up<true>(p, q, half, outP, outQ);
}

void fractionRound(const KSpan* t, size_t size, const u64* r, u64* const* c1, const u64* lambda, const KSpan& eqHigh,
                   const KSpan& eqLow, u64* out) {
  for (int i = 0; i < 6; ++i) out[i] = 0;
  if (t[0].c1) {
    u64* const own[2] = {t[0].c1, t[1].c1};
    step<false>(t, size, r, own, lambda, eqHigh, eqLow, out);
  } else {
    step<true>(t, size, r, c1, lambda, eqHigh, eqLow, out);
  }
  // h(2) = 2 h(1) - h(0) + 2 (leading coefficient)
  for (int c = 0; c < 2; ++c) {
    Scalar s = add(Scalar{out[2 + c]}, Scalar{out[4 + c]});
    out[4 + c] = sub(add(s, s), Scalar{out[c]}).v;
  }
}

}  // namespace PM_ISA
