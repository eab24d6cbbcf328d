// The fraction tree: p/q + p'/q' level by level, and the rounds of its GKR sumcheck.
#include <mutex>

#include "kernels.h"
#include "level.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t GRAIN = 4096;

// Entries [i, i + W) of a truncated span: past its end `rest`.
PM_INLINE Vec loadOr(const u64* x, size_t length, u64 rest, size_t i) {
  if (i + W <= length) return Vec::load(x + i);
  if (i >= length) return Vec::set(rest);
  u64 lanes[W];
  for (size_t l = 0; l < W; ++l) lanes[l] = i + l < length ? x[i + l] : rest;
  return Vec::load(lanes);
}
// Stores `count` lanes.
PM_INLINE void storePart(u64* x, Vec v, size_t count) {
  if (count >= W) return v.store(x);
  u64 lanes[W];
  v.store(lanes);
  for (size_t l = 0; l < count; ++l) x[l] = lanes[l];
}

// The tables of a layer at one value of t: u = p0 + lambda q0, and p1, q0, q1.
struct Point {
  KV<Vec> u, p1, q0, q1;

  PM_INLINE Point operator-(const Point& o) const {
    return {sub(u, o.u), sub(p1, o.p1), sub(q0, o.q0), sub(q1, o.q1)};
  }
};

// acc[0], acc[1] += weight (u q1 + p1 q0) at t = 0, and its leading coefficient in t.
PM_INLINE void roundTerm(const Point& low, const Point& high, KV<Vec> weight, KAcc<Vec>* acc) {
  const Point points[2] = {low, high - low};
#pragma GCC unroll 1
  for (int e = 0; e < 2; ++e) {
    const Point& x = points[e];
    mac(acc[e], cross(x.u, x.q1, mul7(x.q1.c1), x.p1, x.q0, mul7(x.q0.c1)), weight);
  }
}

// h[0], h[1] = sum over i < half of eqHigh eqLow (..): body(begin, end, weights, acc) adds a part of one row of eqLow,
// entry i weighted by weights[i - begin]. make() gives each thread its body.
template <class Make>
void weighted(size_t half, const KSpan& eqHigh, const KSpan& eqLow, u64* h, Make&& make) {
  for (int i = 0; i < 4; ++i) h[i] = 0;
  std::mutex lock;
  const size_t low = eqLow.length;
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    u64 total[4] = {};
    auto body = make();
    for (size_t i = begin, stop; i < end; i = stop) {
      const size_t row = i / low, from = i - row * low;
      stop = (row + 1) * low < end ? (row + 1) * low : end;
      KAcc<Vec> acc[2];
      body(i, stop, KSpan{eqLow.c0 + from, eqLow.c1 + from, low - from}, acc);
      for (int e = 0; e < 2; ++e) {
        u64 s[2] = {};
        addTo(s, acc[e].value());
        addTo(total + 2 * e, mul(KV<Scalar>::set(s), loadK<Scalar>(eqHigh, row)));
      }
    }
    std::lock_guard<std::mutex> hold(lock);
    for (int e = 0; e < 2; ++e) addTo(h + 2 * e, KV<Scalar>::set(total + 2 * e));
  });
}

// The first rounds of a layer, its tables read off the level of its children; `tables` get them where given.
class Start {
 public:
  Start(const Level& level, const u64* bound, size_t count, const u64* lambda, const KSpan* tables)
      : children_(level.size / 2), size_(children_ >> count), tables_(tables), lambda_(KV<Vec>::set(lambda)),
        inverse_(inverse(KV<Scalar>::set(lambda))), invertible_(lambda[0] || lambda[1]),
        reader_(level, bound, count, size_) {
    used_ = level.used > children_ ? level.used - children_ : 0;
    if (used_ > size_) used_ = size_;
  }

  // The tables without a round.
  void bind() {
    for (size_t at = 0; at < size_; at += NODES) {
      const size_t n = size_ - at < NODES ? size_ - at : NODES;
      read(at, n, 0);
      finish(at, n, 0);
    }
  }

  void operator()(size_t begin, size_t end, const KSpan& weights, KAcc<Vec>* acc) {
    const size_t half = size_ / 2;
    for (size_t at = begin, n; at < end; at += n) {
      n = end - at < NODES ? end - at : NODES;
      const KSpan w = {weights.c0 + (at - begin), weights.c1 + (at - begin), n};
      const bool plain = at >= used_;
      read(at, n, 0);
      // The other half adds nothing to a plain round.
      if (tables_ || !plain) read(half + at, n, 1);
      const bool isFlat = !plain && invertible_ && left_[0].isFlat && left_[1].isFlat && right_[0].isFlat &&
                          right_[1].isFlat;
      if (isFlat) flat(w, acc);
      if (tables_ || !isFlat) finish(at, n, 0);
      if (tables_ || !(isFlat || plain)) finish(half + at, n, 1);
      if (plain) single(w, acc);
      else if (!isFlat) general(w, acc);
    }
  }

 private:
  size_t children_, size_, used_;  // used_: from here on p1 = 0, q1 = 1
  const KSpan* tables_;
  KV<Vec> lambda_;
  KV<Scalar> inverse_;  // of lambda
  bool invertible_;
  Reader reader_;
  Tile left_[2], right_[2];

  void read(size_t at, size_t n, int t) {
    reader_.read(at, n, left_[t]);
    if (at < used_) reader_.read(children_ + at, n, right_[t]);
    else right_[t].clear();
  }

  // Replaces p0 by u, and stores.
  void finish(size_t at, size_t n, int t) {
    Tile &a = left_[t], &b = right_[t];
    a.fill(), b.fill();
    for (size_t i = 0; i < n; i += W) storeK(a.p(), i, add(loadK<Vec>(a.p(), i), mul(loadK<Vec>(a.q(), i), lambda_)));
    if (!tables_) return;
    copy(a.p(), tables_[0], at, n), copy(a.q(), tables_[2], at, n);
    const size_t some = at < used_ ? used_ - at : 0;
    copy(b.p(), tables_[1], at, some < n ? some : n), copy(b.q(), tables_[3], at, some < n ? some : n);
  }
  static void copy(const KSpan& from, const KSpan& to, size_t at, size_t n) {
    std::memcpy(to.c0 + at, from.c0, 8 * n), std::memcpy(to.c1 + at, from.c1, 8 * n);
  }

  Point point(int t, size_t i) {
    return {loadK<Vec>(left_[t].p(), i), loadK<Vec>(right_[t].p(), i), loadK<Vec>(left_[t].q(), i),
            loadK<Vec>(right_[t].q(), i)};
  }
  void general(const KSpan& w, KAcc<Vec>* acc) {
    for (size_t i = 0; i < w.length; i += W)
      roundTerm(point(0, i), point(1, i), loadPartK<Vec>(w, i, w.length - i), acc);
  }
  void single(const KSpan& w, KAcc<Vec>* acc) {
    for (size_t i = 0; i < w.length; i += W)
      mac(acc[0], loadK<Vec>(left_[0].p(), i), loadPartK<Vec>(w, i, w.length - i));
  }
  // With p0 and p1 constant, p0 q1 + p1 q0 + lambda q0 q1 = lambda (q0 + p0/lambda)(q1 + p1/lambda) - p0 p1/lambda.
  void flat(const KSpan& w, KAcc<Vec>* acc) {
    const KV<Scalar> l0 = left_[0].constant(), r0 = right_[0].constant();
    const KV<Scalar> dl = sub(left_[1].constant(), l0), dr = sub(right_[1].constant(), r0);
    const KV<Vec> a = over(l0), b = over(r0), da = over(dl), db = over(dr);
    KAcc<Vec> products, leading;
    KV<Vec> weights = {Vec::set(0), Vec::set(0)};
    for (size_t i = 0; i < w.length; i += W) {
      const KV<Vec> weight = loadPartK<Vec>(w, i, w.length - i);
      const KV<Vec> x = loadK<Vec>(left_[0].q(), i), y = loadK<Vec>(right_[0].q(), i);
      const KV<Vec> dx = sub(loadK<Vec>(left_[1].q(), i), x), dy = sub(loadK<Vec>(right_[1].q(), i), y);
      weights = add(weights, weight);
      mac(products, mul(add(x, a), add(y, b)), weight);
      mac(leading, mul(add(dx, da), add(dy, db)), weight);
    }
    mac(acc[0], products.value(), lambda_), mac(acc[1], leading.value(), lambda_);
    mac(acc[0], weights, over(negative(mul(l0, r0)))), mac(acc[1], weights, over(negative(mul(dl, dr))));
  }
  static KV<Scalar> negative(KV<Scalar> k) { return sub(KV<Scalar>{{0}, {0}}, k); }
  // k / lambda in every lane.
  KV<Vec> over(KV<Scalar> k) const {
    const KV<Scalar> x = mul(k, inverse_);
    return {Vec::set(x.c0.v), Vec::set(x.c1.v)};
  }
};

// The rounds that follow: binds the tables u, p1, q0, q1 over their first half.
class Fold {
 public:
  Fold(const KSpan* tables, size_t size, const u64* r) : t_(tables), half_(size / 2), r_(KV<Vec>::set(r)) {}

  void bind() const {
    for (size_t i = 0; i < half_; i += W) at(i, half_ - i);
  }
  void operator()(size_t begin, size_t end, const KSpan& weights, KAcc<Vec>* acc) const {
    for (size_t i = begin; i < end; i += W) {
      const KV<Vec> weight = loadPartK<Vec>(weights, i - begin, end - i);
      const Point a = at(i, end - i), b = at(half_ / 2 + i, end - i);
      if (i >= t_[1].length) mac(acc[0], a.u, weight);
      else roundTerm(a, b, weight, acc);
    }
  }

 private:
  const KSpan* t_;
  size_t half_;
  KV<Vec> r_;

  Point at(size_t i, size_t n) const {
    return {fold(t_[0], 0, i, n), fold(t_[1], 0, i, n), fold(t_[2], 1, i, n), fold(t_[3], 1, i, n)};
  }
  // Entries [i, i + W) of a bound span, `n` lanes of them stored at most.
  PM_INLINE KV<Vec> fold(const KSpan& s, u64 rest, size_t i, size_t n) const {
    if (i >= s.length) return {Vec::set(rest), Vec::set(0)};
    const KV<Vec> low = {loadOr(s.c0, s.length, rest, i), loadOr(s.c1, s.length, 0, i)};
    const KV<Vec> high = {loadOr(s.c0, s.length, rest, half_ + i), loadOr(s.c1, s.length, 0, half_ + i)};
    const KV<Vec> x = foldK(low, high, r_);
    const size_t end = s.length < half_ ? s.length : half_, count = end - i < n ? end - i : n;
    storePart(s.c0 + i, x.c0, count), storePart(s.c1 + i, x.c1, count);
    return x;
  }
};

}  // namespace

void fractionLevel(const Level& level, const KSpan& outP, const KSpan& outQ) {
  parallelRanges(level.size, GRAIN, [&](size_t begin, size_t end) {
    Reader reader(level, nullptr, 0, 0);
    Tile tile;
    for (size_t at = begin, n; at < end; at += n) {
      n = end - at < NODES ? end - at : NODES;
      reader.read(at, n, tile);
      tile.fill();
      std::memcpy(outP.c0 + at, tile.p0, 8 * n), std::memcpy(outP.c1 + at, tile.p1, 8 * n);
      std::memcpy(outQ.c0 + at, tile.q0, 8 * n), std::memcpy(outQ.c1 + at, tile.q1, 8 * n);
    }
  });
}

void fractionUp(const KSpan& p, const KSpan& q, const KSpan& outP, const KSpan& outQ) {
  const size_t half = q.length / 2;
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    lanes(begin, end, [&](auto v, size_t i) {
      using V = decltype(v);
      const KV<V> a = loadK<V>(q, i), b = loadK<V>(q, half + i);
      const V b7 = mul7(b.c1);
      storeK(outP, i, cross(loadK<V>(p, i), b, b7, loadK<V>(p, half + i), a, mul7(a.c1)));
      Acc<V> c0 = product(a.c0, b.c0), c1 = product(a.c0, b.c1);
      mac(c0, a.c1, b7), mac(c1, a.c1, b.c0);
      storeK(outQ, i, KV<V>{canon(reduceL(c0)), canon(reduceL(c1))});
    });
  });
}

void fractionStart(const Level& level, const u64* lambda, const u64* bound, size_t count, const KSpan* tables,
                   const KSpan& eqHigh, const KSpan& eqLow, u64* h) {
  auto make = [&] { return Start(level, bound, count, lambda, tables); };
  if (eqLow.length) weighted((level.size >> (count + 1)) / 2, eqHigh, eqLow, h, make);
  else make().bind();
}

void fractionFold(const KSpan* tables, size_t size, const u64* r, const KSpan& eqHigh, const KSpan& eqLow, u64* h) {
  auto make = [&] { return Fold(tables, size, r); };
  if (eqLow.length) weighted(size / 4, eqHigh, eqLow, h, make);
  else make().bind();
}

}  // namespace PM_ISA
