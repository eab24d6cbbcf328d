// Elementwise kernels on vectors over K.
#include "buffer.h"
#include "kernels.h"
#include "pool.h"
#include "tables.h"

namespace PM_ISA {

namespace {
constexpr size_t GRAIN = 8192;
}  // namespace

// Grows the table by one bit at a time, the last (least significant) bit first, so that both halves are contiguous.
void expand(const u64* weights, size_t bits, const u64* scale, const KSpan& out) {
  out.c0[0] = scale[0], out.c1[0] = scale[1];
  for (size_t b = bits, n = 1; b-- > 0; n *= 2) {
    const u64 *w0 = weights + 4 * b, *w1 = w0 + 2;
    const bool complementary = add(Scalar{w0[0]}, Scalar{w1[0]}).v == 1 && add(Scalar{w0[1]}, Scalar{w1[1]}).v == 0;
    parallelRanges(n, GRAIN, [&](size_t begin, size_t end) {
      lanes(begin, end, [&](auto v, size_t i) {
        using V = decltype(v);
        KV<V> x = loadK<V>(out, i), high = mul(x, KV<V>::set(w1));
        storeK(out, n + i, high);
        storeK(out, i, complementary ? sub(x, high) : mul(x, KV<V>::set(w0)));
      });
    });
  }
}

void axpy(const KSpan& y, const u64* a, const Table& x) {
  parallelRanges(y.length, GRAIN, [&](size_t begin, size_t end) {
    if (x.k.c0) {
      lanes(begin, end, [&](auto v, size_t i) {
        using V = decltype(v);
        storeK(y, i, add(loadK<V>(y, i), mul(loadK<V>(x.k, i), KV<V>::set(a))));
      });
      return;
    }
    u64 scratch[TILE];
    for (size_t t = begin; t < end; t += TILE) {
      size_t n = end - t < TILE ? end - t : TILE;
      const u64* block = readBlock(x.source, t, n, scratch);
      lanes(0, n, [&](auto v, size_t i) {
        using V = decltype(v);
        storeK(y, t + i, add(loadK<V>(y, t + i), mul(V::load(block + i), KV<V>::set(a))));
      });
    }
  });
}

void addScalar(const KSpan& y, const u64* a) {
  parallelRanges(y.length, 4 * GRAIN, [&](size_t begin, size_t end) {
    lanes(begin, end, [&](auto v, size_t i) {
      using V = decltype(v);
      storeK(y, i, add(loadK<V>(y, i), KV<V>::set(a)));
    });
  });
}

void fold(const Table& v, const u64* r, const KSpan& out) {
  const size_t half = out.length;
  parallelRanges(half, GRAIN, [&](size_t begin, size_t end) {
    if (v.k.c0) {
      lanes(begin, end, [&](auto t, size_t i) {
        using V = decltype(t);
        KV<V> low = loadK<V>(v.k, i);
        storeK(out, i, add(low, mul(sub(loadK<V>(v.k, half + i), low), KV<V>::set(r))));
      });
      return;
    }
    u64 scratch[2][TILE];
    for (size_t t = begin; t < end; t += TILE) {
      size_t n = end - t < TILE ? end - t : TILE;
      const u64 *low = readBlock(v.source, t, n, scratch[0]), *high = readBlock(v.source, half + t, n, scratch[1]);
      lanes(0, n, [&](auto tag, size_t i) {
        using V = decltype(tag);
        V a = V::load(low + i);
        KV<V> d = mul(sub(V::load(high + i), a), KV<V>::set(r));
        storeK(out, t + i, KV<V>{add(a, d.c0), d.c1});
      });
    }
  });
}

}  // namespace PM_ISA
