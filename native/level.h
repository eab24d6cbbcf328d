// Levels of the fraction tree, read a tile at a time: from memory, or computed from the leaves.
#pragma once
#include <vector>

#include "lazy.h"
#include "tables.h"

namespace PM_ISA {

constexpr size_t NODES = 128;  // entries of a tile

// a b + c d with one reduction a component; b7 and d7 are 7 times the second components of b and d.
template <class V>
PM_INLINE KV<V> cross(KV<V> a, KV<V> b, V b7, KV<V> c, KV<V> d, V d7) {
  Acc<V> c0 = product(a.c0, b.c0), c1 = product(a.c0, b.c1);
  mac(c0, a.c1, b7), mac(c0, c.c0, d.c0), mac(c0, c.c1, d7);
  mac(c1, a.c1, b.c0), mac(c1, c.c0, d.c1), mac(c1, c.c1, d.c0);
  return {canon(reduceL(c0)), canon(reduceL(c1))};
}
template <class V>
PM_INLINE KV<V> foldK(KV<V> low, KV<V> high, KV<V> r) {
  return add(low, mul(sub(high, low), r));
}

// Fractions p/q; p is one constant `flat` where isFlat is set, its arrays are then unset.
struct Tile {
  alignas(64) u64 p0[NODES] = {}, p1[NODES] = {}, q0[NODES] = {}, q1[NODES] = {};
  u64 flat[2] = {};
  bool isFlat = false, isEmpty = false;  // empty: 0/1 throughout

  KSpan p() { return {p0, p1, NODES}; }
  KSpan q() { return {q0, q1, NODES}; }
  void clear() {
    for (size_t i = 0; i < NODES; ++i) q0[i] = 1, q1[i] = 0;
    flat[0] = flat[1] = 0, isFlat = isEmpty = true;
  }
  KV<Scalar> constant() const { return KV<Scalar>::set(flat); }
  bool ones() const { return isFlat && flat[0] == 1 && flat[1] == 0; }
  void fill() {
    for (size_t i = 0; isFlat && i < NODES; ++i) p0[i] = flat[0], p1[i] = flat[1];
    isFlat = isEmpty = false;
  }
};

// Entry i: constant + sum_k coef_k data_k[at_k + i].
class Combination {
 public:
  void clear() { terms_.clear(), constant_ = KV<Scalar>::set(ZERO); }
  bool isConstant() const { return terms_.empty(); }
  KV<Scalar> constant() const { return constant_; }
  void add(KV<Scalar> constant) { constant_ = PM_ISA::add(constant_, constant); }
  // Adds weight times the form from its entry `from` on.
  void add(const Affine& form, size_t from, KV<Scalar> weight) {
    add(mul(KV<Scalar>::set(form.constant), weight));
    for (const AffineTerm* t = form.terms; t != form.terms + form.count; ++t)
      terms_.push_back({&t->data, t->at + from, mul(KV<Scalar>::set(t->coef), weight)});
  }
  // Writes its first n entries to out[at ..].
  void evaluate(size_t n, const KSpan& out, size_t at) const {
    for (size_t k = 0; k == 0 || k < terms_.size(); k += GROUP) {
      const size_t group = terms_.size() - k < GROUP ? terms_.size() - k : GROUP;
      const Term* terms = terms_.data() + k;
      if (!evaluateSmall(terms, group, n, out, at, k > 0)) evaluateField(terms, group, n, out, at, k > 0);
    }
  }

 private:
  static constexpr size_t GROUP = 8;
  static constexpr u64 ZERO[2] = {0, 0};
  struct Term {
    const Source* data;
    size_t at;
    KV<Scalar> coef;
  };
  std::vector<Term> terms_;
  KV<Scalar> constant_ = {{0}, {0}};

  template <class V>
  PM_INLINE KV<V> before(const KSpan& out, size_t i, bool more) const {
    return more ? loadK<V>(out, i) : KV<V>{V::set(constant_.c0.v), V::set(constant_.c1.v)};
  }

  void evaluateField(const Term* terms, size_t group, size_t n, const KSpan& out, size_t at, bool more) const {
    alignas(64) u64 scratch[GROUP][NODES];
    const u64* blocks[GROUP];
    for (size_t u = 0; u < group; ++u) blocks[u] = readBlock(*terms[u].data, terms[u].at, n, scratch[u]);
    lanes(0, n, [&](auto v, size_t i) {
      using V = decltype(v);
      Acc<V> c0 = zeroAcc(v), c1 = zeroAcc(v);
      for (size_t u = 0; u < group; ++u) {
        const V x = V::load(blocks[u] + i);
        mac(c0, x, V::set(terms[u].coef.c0.v)), mac(c1, x, V::set(terms[u].coef.c1.v));
      }
      storeK(out, at + i, PM_ISA::add(before<V>(out, at + i, more), KV<V>{canon(reduceL(c0)), canon(reduceL(c1))}));
    });
  }

  // Where all entries are small: coefficients as pairs (lazy.h), their products summed in 64 bits, kept positive.
  bool evaluateSmall(const Term* terms, size_t group, size_t n, const KSpan& out, size_t at, bool more) const {
    alignas(64) int32_t scratch[GROUP][NODES];
    const int32_t* blocks[GROUP];
    u64 pairs[GROUP][2];
    for (size_t u = 0; u < group; ++u) {
      if (!(blocks[u] = readSmall(*terms[u].data, terms[u].at, n, scratch[u]))) return false;
      pairs[u][0] = (u64)balancedPair(terms[u].coef.c0.v), pairs[u][1] = (u64)balancedPair(terms[u].coef.c1.v);
    }
    constexpr u64 bias = (u64)1 << 62;
    constexpr u64 biases = (u64)((((u128)bias << 32) + bias) % P);
    lanes(0, n, [&](auto v, size_t i) {
      using V = decltype(v);
      V low0 = V::set(bias), high0 = low0, low1 = low0, high1 = low0;
      for (size_t u = 0; u < group; ++u) {
        const V x = loadInts(v, blocks[u] + i), a = V::set(pairs[u][0]), b = V::set(pairs[u][1]);
        low0 = addInts(low0, mulInts(x, a)), high0 = addInts(high0, mulInts(x, upper(a)));
        low1 = addInts(low1, mulInts(x, b)), high1 = addInts(high1, mulInts(x, upper(b)));
      }
      const V less = V::set(biases);
      const KV<V> sum = {sub(canon(addL(shift32L(high0), low0)), less), sub(canon(addL(shift32L(high1), low1)), less)};
      storeK(out, at + i, PM_ISA::add(before<V>(out, at + i, more), sum));
    });
    return true;
  }

  // The entries [at, at + n) as small integers, or null where some are not: GROUP products with 32 bits are below 2^61.
  static const int32_t* readSmall(const Source& s, size_t at, size_t n, int32_t* to) {
    const size_t have = at >= s.length ? 0 : s.length - at < n ? s.length - at : n;
    u64 large = 0;
    for (size_t i = have; i < n; ++i) to[i] = 0;
    switch (s.kind) {
      case Source::I16: narrow((const int16_t*)s.data + at, have, to, large); break;
      case Source::I32: narrow((const int32_t*)s.data + at, have, to, large); break;
      case Source::I64: narrow((const i64*)s.data + at, have, to, large); break;
      case Source::U64: narrow((const u64*)s.data + at, have, to, large); break;
    }
    return large ? nullptr : to;
  }
  template <class T>
  static void narrow(const T* from, size_t n, int32_t* to, u64& large) {
    constexpr u64 most = 1 << 26;
    u64 over = 0;
    for (size_t i = 0; i < n; ++i) {
      u64 x = (u64)(i64)from[i];
      if constexpr (sizeof(T) == 8 && T(-1) > T(0)) x -= x > P / 2 ? P : 0;
      over |= x + most;
      to[i] = (int32_t)x;
    }
    large = over & ~(2 * most - 1);
  }
};

// Reads a level whose first variables are bound at `bound`, the first the most significant; one reader a thread.
class Reader {
 public:
  // stride: entries of the level for each entry of the last bound variable.
  Reader(const Level& level, const u64* bound, size_t count, size_t stride)
      : level_(level), bound_(bound), count_(count), stride_(stride), scratch_(level.height + count) {
    weights_.push_back({{1}, {0}});
    for (size_t k = 0; k < count; ++k) {
      std::vector<KV<Scalar>> next;
      for (KV<Scalar> w : weights_) {
        const KV<Scalar> high = mul(w, KV<Scalar>::set(bound + 2 * k));
        next.push_back(sub(w, high)), next.push_back(high);
      }
      weights_.swap(next);
    }
  }

  // Entries [at, at + n), n <= NODES, of the bound level.
  void read(size_t at, size_t n, Tile& out) { folded(0, at, n, out, scratch_.data()); }

 private:
  const Level& level_;
  const u64* bound_;
  size_t count_, stride_;
  std::vector<KV<Scalar>> weights_;  // of the 2^count leaves below an entry
  std::vector<Tile> scratch_;
  Combination p_, q_;

  void folded(size_t k, size_t at, size_t n, Tile& out, Tile* scratch) {
    if (level_.ranges && level_.height == 0) return leaves(at, n, stride_, weights_.data(), weights_.size(), out);
    if (k == count_) return level_.ranges ? node(level_.height, at, n, out, scratch) : load(at, n, out);
    Tile& high = *scratch;
    folded(k + 1, at, n, out, scratch + 1);
    folded(k + 1, at + (stride_ << (count_ - 1 - k)), n, high, scratch + 1);
    const KV<Vec> r = KV<Vec>::set(bound_ + 2 * k);
    out.fill(), high.fill();
    for (size_t i = 0; i < n; i += W) {
      storeK(out.p(), i, foldK(loadK<Vec>(out.p(), i), loadK<Vec>(high.p(), i), r));
      storeK(out.q(), i, foldK(loadK<Vec>(out.q(), i), loadK<Vec>(high.q(), i), r));
    }
  }

  void load(size_t at, size_t n, Tile& out) const {
    const KSpan &p = level_.p, &q = level_.q;
    std::memcpy(out.p0, p.c0 + at, 8 * n), std::memcpy(out.p1, p.c1 + at, 8 * n);
    std::memcpy(out.q0, q.c0 + at, 8 * n), std::memcpy(out.q1, q.c1 + at, 8 * n);
    out.isFlat = out.isEmpty = false;
  }

  // The nodes `height` above the leaves: children lie half a level of leaves apart.
  void node(unsigned height, size_t at, size_t n, Tile& out, Tile* scratch) {
    if (height == 0) {
      static constexpr KV<Scalar> one = {{1}, {0}};
      return leaves(at, n, 0, &one, 1, out);
    }
    Tile& right = *scratch;
    node(height - 1, at, n, out, scratch + 1);
    node(height - 1, at + (level_.leaves() >> height), n, right, scratch + 1);
    if (right.isEmpty) return;
    const bool ones = out.ones() && right.ones();
    if (!ones) out.fill(), right.fill();
    for (size_t i = 0; i < n; i += W) {
      const KV<Vec> a = loadK<Vec>(out.q(), i), b = loadK<Vec>(right.q(), i);
      const KV<Vec> p = ones ? add(a, b)
                             : cross(loadK<Vec>(out.p(), i), b, mul7(b.c1), loadK<Vec>(right.p(), i), a, mul7(a.c1));
      storeK(out.p(), i, p), storeK(out.q(), i, mul(a, b));
    }
    out.isFlat = out.isEmpty = false;
  }

  // sum_j weights[j] times the leaves [at + j stride, .. + n).
  void leaves(size_t at, size_t n, size_t stride, const KV<Scalar>* weights, size_t count, Tile& out) {
    const LeafRange *first = level_.ranges, *last = first + level_.count;
    bool isFlat = false;
    out.isEmpty = true;
    for (size_t done = 0, step; done < n; done += step) {
      p_.clear(), q_.clear();
      step = n - done;
      for (size_t j = 0; j < count; ++j) {
        const size_t leaf = at + j * stride + done;
        // The first range that ends after the leaf.
        size_t low = 0, high = level_.count;
        while (low < high) {
          const size_t middle = (low + high) / 2;
          if (first[middle].offset + first[middle].length > leaf) high = middle;
          else low = middle + 1;
        }
        const LeafRange* range = first + low;
        if (range == last || range->offset > leaf) {
          q_.add(weights[j]);
          if (range != last && range->offset - leaf < step) step = range->offset - leaf;
        } else {
          p_.add(range->p, leaf - range->offset, weights[j]), q_.add(range->q, leaf - range->offset, weights[j]);
          const size_t rest = range->offset + range->length - leaf;
          if (rest < step) step = rest;
          out.isEmpty = false;
        }
      }
      if (done == 0 && step == n && p_.isConstant()) {
        isFlat = true;
        out.flat[0] = p_.constant().c0.v, out.flat[1] = p_.constant().c1.v;
      } else {
        p_.evaluate(step, out.p(), done);
      }
      q_.evaluate(step, out.q(), done);
    }
    out.isFlat = isFlat;
  }
};

}  // namespace PM_ISA
