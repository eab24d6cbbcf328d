// Values of a polynomial of degree < N = 2^logN on the coset g <w_N>, leaf i at g w_N^bitReverse(i).
//
// Remainder tree: node b of level l holds the polynomial mod X^h - c, h = N / 2^l. With s = sqrt(c) its children are
// the remainders mod X^(h/2) - s (low + s high) and X^(h/2) + s. The coset only changes the table of s.
#pragma once
#include <cstring>

#include "buffer.h"
#include "field.h"

namespace PM_ISA {

constexpr unsigned logOf(size_t w) { return w <= 1 ? 0 : 1 + logOf(w / 2); }
constexpr unsigned LOG_W = logOf(W);
constexpr size_t IN_CACHE = 2048;  // elements transformed level by level; larger blocks are split first

inline size_t bitReverse(size_t x, unsigned bits) {
  size_t r = 0;
  for (unsigned i = 0; i < bits; ++i) r = 2 * r + (x >> i & 1);
  return r;
}

// w_N^bitReverse(b, logN - 1), b < N / 2; its prefix of 2^l entries is the same table of order 2^(l+1).
inline void bitReversedRoots(unsigned logN, u64* out) {
  out[0] = 1;
  for (unsigned l = 1; l < logN; ++l) {
    Scalar w{rootOfUnity(l + 1)};
    for (size_t b = (size_t)1 << (l - 1), i = 0; i < b; ++i) out[b + i] = mul(Scalar{out[i]}, w).v;
  }
}

class CosetTransform {
 public:
  // roots = bitReversedRoots(logN); g = generator of the coset.
  CosetTransform(unsigned logN, const u64* roots, u64 g)
      : logN_(logN), vector_(logN >= 2 * LOG_W && W > 1), s_(((size_t)1 << logN) + 1), cube_(((size_t)1 << logN) + 1),
        last_(vector_ ? ((size_t)1 << logN) : 0) {
    Scalar power{g};  // g^(N / 2^(l+1)) for l = logN - 1 downwards
    for (unsigned l = logN; l-- > 0; power = mul(power, power)) {
      size_t base = (size_t)1 << l;
      lanes(0, base, [&](auto v, size_t b) {
        using V = decltype(v);
        mul(V::load(roots + b), V::set(power.v)).store(s_ + base + b);
      });
      if (l + 1 < logN)
        for (size_t b = 0; b < base; ++b) cube_[base + b] = mul(Scalar{s_[base + b]}, Scalar{s_[2 * (base + b)]}).v;
    }
    if (vector_) arrangeLast();
  }

  // In place; any representatives in, canonical out.
  void run(u64* a) const {
    if (vector_) return block(a, 0, 0);
    for (unsigned l = 0; l < logN_; ++l)
      for (size_t b = 0, h = (size_t)1 << (logN_ - l - 1); b < (size_t)1 << l; ++b)
        half<Scalar>(a + 2 * h * b, h, s_[((size_t)1 << l) + b]);
    for (size_t i = 0; i < (size_t)1 << logN_; ++i) a[i] = canon(Scalar{a[i]}).v;
  }

 private:
  unsigned logN_;
  bool vector_;
  Buffer<u64> s_, cube_, last_;  // s_[2^l + b]: the s of node b of level l; cube_: s_ times that of its left child

  template <class V>
  static PM_INLINE void butterfly(V& low, V& high, V s) {
    V t = canon(mulL(high, s)), u = low;
    low = addL(u, t), high = subL(u, t);
  }

  template <class V>
  static void half(u64* a, size_t h, u64 s) {
    const V vs = V::set(s);
    for (size_t j = 0; j < h; j += V::W) {
      V u = V::load(a + j), v = V::load(a + h + j);
      butterfly(u, v, vs);
      u.store(a + j), v.store(a + h + j);
    }
  }

  // Two levels at once: y = s of the left child, y^2 = s; the right child's is sqrt(-1) y.
  static void quarterBlock(u64* a, size_t q, u64 s, u64 y, u64 cube) {
    const Vec vs = Vec::set(s), vy = Vec::set(y), vc = Vec::set(cube);
    for (size_t j = 0; j < q; j += W) {
      Vec a0 = Vec::load(a + j);
      Vec m1 = canon(mulL(Vec::load(a + q + j), vy));
      Vec m2 = canon(mulL(Vec::load(a + 2 * q + j), vs));
      Vec m3 = canon(mulL(Vec::load(a + 3 * q + j), vc));
      Vec even = addL(a0, m2), odd = subL(a0, m2);
      Vec c = add(m1, m3), d = canon(mulSqrtMinusOneL(sub(m1, m3)));
      addL(even, c).store(a + j), subL(even, c).store(a + q + j);
      addL(odd, d).store(a + 2 * q + j), subL(odd, d).store(a + 3 * q + j);
    }
  }

  // Node b of level l, whose block starts at a.
  void block(u64* a, unsigned l, size_t b) const {
    const unsigned end = logN_ - LOG_W;  // levels below are done within W vectors by lastLevels
    size_t size = (size_t)1 << (logN_ - l);
    if (size > IN_CACHE) {
      bool two = (end - l) % 2 == 0;
      level(a, size, l, b, two);
      size_t children = two ? 4 : 2;
      for (size_t i = 0; i < children; ++i) block(a + i * (size / children), l + (two ? 2 : 1), children * b + i);
      return;
    }
    for (unsigned k = l; k < end;) {
      bool two = (end - k) % 2 == 0;
      size_t nodes = (size_t)1 << (k - l), part = size / nodes;
      for (size_t i = 0; i < nodes; ++i) level(a + i * part, part, k, nodes * b + i, two);
      k += two ? 2 : 1;
    }
    for (size_t i = 0; i < size; i += W * W) lastLevels(a + i, (b * size + i) / (W * W));
  }
  void level(u64* a, size_t size, unsigned l, size_t b, bool two) const {
    size_t node = ((size_t)1 << l) + b;
    if (two) quarterBlock(a, size / 4, s_[node], s_[2 * node], cube_[node]);
    else half<Vec>(a, size / 2, s_[node]);
  }

  // For each group of W blocks of W elements: the s of its last LOG_W levels, one lane a block.
  void arrangeLast() {
    size_t groups = (size_t)1 << (logN_ - 2 * LOG_W);
    u64* to = last_;
    for (size_t g = 0; g < groups; ++g)
      for (unsigned d = 0; d < LOG_W; ++d)
        for (size_t k = 0; k < (size_t)1 << d; ++k)
          for (size_t lane = 0; lane < W; ++lane)
            *to++ = s_[((size_t)1 << (logN_ - LOG_W + d)) + ((g * W + lane) << d) + k];
  }
  void lastLevels(u64* a, size_t group) const {
    if constexpr (W > 1) {
      const u64* s = last_ + group * W * (W - 1);
      Vec r[W];
#pragma GCC unroll 8
      for (size_t i = 0; i < W; ++i) r[i] = Vec::load(a + i * W);
      transpose(r);
#pragma GCC unroll 3
      for (unsigned d = 0; d < LOG_W; ++d) {
        size_t h = W >> (d + 1);
#pragma GCC unroll 4
        for (size_t k = 0; k < (size_t)1 << d; ++k) {
          Vec vs = Vec::load(s);
          s += W;
#pragma GCC unroll 4
          for (size_t j = 0; j < h; ++j) butterfly(r[2 * h * k + j], r[2 * h * k + h + j], vs);
        }
      }
#pragma GCC unroll 8
      for (size_t i = 0; i < W; ++i) r[i] = canon(r[i]);
      transpose(r);
#pragma GCC unroll 8
      for (size_t i = 0; i < W; ++i) r[i].store(a + i * W);
    }
  }
};

}  // namespace PM_ISA
