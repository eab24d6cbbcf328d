// A linear combination over K of chunks of integer data.
#include "buffer.h"
#include "kernels.h"
#include "lazy.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t BLOCK = 512;  // outputs whose accumulators stay in the first-level cache

struct Combine {
  const Source& data;
  size_t width;
  const u32* index;
  const KSpan& coef;
  size_t capacity;             // 0: entries are not small
  const i64 *pairs0, *pairs1;  // the coefficients as balanced pairs

  // Entries [j, j + n) of chunk k; zero past the end of the data by way of scratch.
  template <class T>
  const T* chunk(size_t k, size_t j, size_t n, T* scratch) const {
    size_t at = (size_t)index[k] * width + j;
    if (at + n <= data.length) return (const T*)data.data + at;
    for (size_t i = 0; i < n; ++i) scratch[i] = at + i < data.length ? ((const T*)data.data)[at + i] : 0;
    return scratch;
  }

  // sums[c][.] += U chunks times their coefficients, as unreduced pairs (low, high) of c0 and c1.
  template <class T, size_t U>
  static void addChunks(const T* const* rows, const i64* p0, const i64* p1, size_t n, u64 (*sums)[BLOCK]) {
    lanes(0, n, [&](auto v, size_t j) {
      using V = decltype(v);
      V s0 = V::load(sums[0] + j), s1 = V::load(sums[1] + j), s2 = V::load(sums[2] + j), s3 = V::load(sums[3] + j);
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        V x = loadInts(v, rows[u] + j), a = V::set((u64)p0[u]), b = V::set((u64)p1[u]);
        s0 = addInts(s0, mulInts(x, a)), s1 = addInts(s1, mulInts(x, upper(a)));
        s2 = addInts(s2, mulInts(x, b)), s3 = addInts(s3, mulInts(x, upper(b)));
      }
      s0.store(sums[0] + j), s1.store(sums[1] + j), s2.store(sums[2] + j), s3.store(sums[3] + j);
    });
  }

  template <class T>
  void small(size_t k, size_t end, size_t j, size_t n, u64* out0, u64* out1) const {
    constexpr size_t U = 4;
    T scratch[U][BLOCK];
    u64 sums[4][BLOCK];
    while (k < end) {
      const size_t stop = end - k < capacity ? end : k + capacity;
      std::memset(sums, 0, sizeof sums);
      for (; k + U <= stop; k += U) {
        const T* rows[U];
        for (size_t u = 0; u < U; ++u) rows[u] = chunk<T>(k + u, j, n, scratch[u]);
        addChunks<T, U>(rows, pairs0 + k, pairs1 + k, n, sums);
      }
      for (; k < stop; ++k) {
        const T* row = chunk<T>(k, j, n, scratch[0]);
        addChunks<T, 1>(&row, pairs0 + k, pairs1 + k, n, sums);
      }
      for (size_t i = 0; i < n; ++i) {
        out0[i] = add(Scalar{out0[i]}, Scalar{foldPair((i64)sums[0][i], (i64)sums[1][i])}).v;
        out1[i] = add(Scalar{out1[i]}, Scalar{foldPair((i64)sums[2][i], (i64)sums[3][i])}).v;
      }
    }
  }

  void field(size_t k, size_t end, size_t j, size_t n, u64* out0, u64* out1) const {
    constexpr size_t U = 8;
    u64 scratch[U][BLOCK];
    for (; k < end; k += U) {
      const size_t count = end - k < U ? end - k : U;
      const u64* rows[U];
      for (size_t u = 0; u < count; ++u)
        rows[u] = readBlock(data, (size_t)index[k + u] * width + j, n, scratch[u]);
      lanes(0, n, [&](auto v, size_t i) {
        using V = decltype(v);
        Acc<V> a = zeroAcc(v), b = zeroAcc(v);
        for (size_t u = 0; u < count; ++u) {
          V x = V::load(rows[u] + i);
          mac(a, x, V::set(coef.c0[k + u])), mac(b, x, V::set(coef.c1[k + u]));
        }
        add(V::load(out0 + i), canon(reduceL(a))).store(out0 + i);
        add(V::load(out1 + i), canon(reduceL(b))).store(out1 + i);
      });
    }
  }

  // Chunks [k, end) at entries [j, j + n), n <= BLOCK, added to out.
  void block(size_t k, size_t end, size_t j, size_t n, u64* out0, u64* out1) const {
    if (capacity && data.kind == Source::I16) return small<int16_t>(k, end, j, n, out0, out1);
    if (capacity && data.kind == Source::I32) return small<int32_t>(k, end, j, n, out0, out1);
    if (capacity && data.kind == Source::I64) return small<i64>(k, end, j, n, out0, out1);
    field(k, end, j, n, out0, out1);
  }
};

}  // namespace

void combine(const Source& data, size_t width, const u32* index, size_t count, const KSpan& coef, const KSpan& out) {
  std::memset(out.c0, 0, width * 8);
  std::memset(out.c1, 0, width * 8);
  if (count == 0 || width == 0) return;
  Buffer<i64> pairs0(count), pairs1(count);
  for (size_t k = 0; k < count; ++k) pairs0[k] = balancedPair(coef.c0[k]), pairs1[k] = balancedPair(coef.c1[k]);
  const Combine c{data, width, index, coef, lazyCapacity(data), pairs0, pairs1};

  // Blocks of the output over the pool; where they are few, the chunks are split too and partial outputs added.
  const size_t blocks = (width + BLOCK - 1) / BLOCK;
  const size_t wanted = count * width < 1 << 15 ? 1 : 2 * pool::threads();
  size_t parts = blocks >= wanted ? 1 : (wanted + blocks - 1) / blocks;
  if (parts > (count + 15) / 16) parts = (count + 15) / 16;
  const size_t step = (count + parts - 1) / parts;
  Buffer<u64> partial(2 * width * (parts - 1));
  partial.zero(2 * width * (parts - 1));
  parallel(blocks * parts, [&](size_t t) {
    size_t p = t / blocks, j = t % blocks * BLOCK, n = width - j < BLOCK ? width - j : BLOCK;
    size_t k = p * step, end = k + step < count ? k + step : count;
    u64* to0 = p == 0 ? out.c0 : partial + 2 * width * (p - 1);
    u64* to1 = p == 0 ? out.c1 : to0 + width;
    if (k < end) c.block(k, end, j, n, to0 + j, to1 + j);
  });
  for (size_t p = 1; p < parts; ++p)
    for (size_t j = 0; j < width; ++j) {
      const u64* x = partial + 2 * width * (p - 1) + j;
      out.c0[j] = add(Scalar{out.c0[j]}, Scalar{x[0]}).v;
      out.c1[j] = add(Scalar{out.c1[j]}, Scalar{x[width]}).v;
    }
}

}  // namespace PM_ISA
