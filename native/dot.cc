// Inner products of chunks of integer data with one weight vector over K.
#include "buffer.h"
#include "kernels.h"
#include "lazy.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t BLOCK = 1024;

struct Dot {
  const Source& data;
  size_t width;
  const u32* index;
  const KSpan& weights;
  size_t capacity;            // 0: entries are not small
  const i64 *pairs0, *pairs1;  // the weights as balanced pairs

  size_t available(size_t k) const {  // entries of chunk k inside the data
    size_t at = (size_t)index[k] * width;
    return at >= data.length ? 0 : data.length - at < width ? data.length - at : width;
  }

  // Adds the products of entries [from, to) of chunk k to out (2 words).
  void field(size_t k, size_t from, size_t to, u64* out) const {
    u64 scratch[256];
    KAcc<Vec> acc;
    KAcc<Scalar> rest;
    for (size_t j = from; j < to; j += 256) {
      size_t n = to - j < 256 ? to - j : 256;
      const u64* x = readBlock(data, (size_t)index[k] * width + j, n, scratch);
      size_t i = 0;
      for (; i + W <= n; i += W)
        mac(acc, Vec::load(x + i), KV<Vec>{Vec::load(weights.c0 + j + i), Vec::load(weights.c1 + j + i)});
      for (; i < n; ++i) mac(rest, Scalar{x[i]}, KV<Scalar>{{weights.c0[j + i]}, {weights.c1[j + i]}});
    }
    KV<Vec> sum = acc.value();
    KV<Scalar> r = rest.value();
    out[0] = add(add(Scalar{out[0]}, Scalar{laneSum(sum.c0)}), r.c0).v;
    out[1] = add(add(Scalar{out[1]}, Scalar{laneSum(sum.c1)}), r.c1).v;
  }

  // The same for R chunks whose entries [from, to) all exist.
  template <class T, size_t R>
  void small(size_t k, size_t from, size_t to, u64* out) const {
    const size_t step = capacity < BLOCK ? capacity : BLOCK;
    for (size_t j = from; j < to; j += step) {
      const T* rows[R];
      for (size_t r = 0; r < R; ++r) rows[r] = (const T*)data.data + (size_t)index[k + r] * width + j;
      i64 sums[R][2][2] = {};
      lazyTile<T, R>(rows, {pairs0 + j, pairs1 + j}, to - j < step ? to - j : step, sums);
      for (size_t r = 0; r < R; ++r)
        for (int c = 0; c < 2; ++c) {
          u64& o = out[2 * r + c];
          o = add(Scalar{o}, Scalar{foldPair(sums[r][c][0], sums[r][c][1])}).v;
        }
    }
  }
  template <class T>
  void smallChunks(size_t k, size_t end, size_t from, size_t to, u64* out) const {
    for (; k < end;) {
      bool whole = k + TILE_ROWS <= end;
      for (size_t r = 0; whole && r < TILE_ROWS; ++r) whole = available(k + r) >= to;
      if (whole) {
        small<T, TILE_ROWS>(k, from, to, out);
        k += TILE_ROWS, out += 2 * TILE_ROWS;
      } else {
        size_t have = available(k);
        small<T, 1>(k, from, have < to ? have : to, out);
        k += 1, out += 2;
      }
    }
  }

  // Chunks [k, end), entries [from, to), added to out (2 words a chunk).
  void range(size_t k, size_t end, size_t from, size_t to, u64* out) const {
    if (capacity && data.kind == Source::I16) return smallChunks<int16_t>(k, end, from, to, out);
    if (capacity && data.kind == Source::I32) return smallChunks<int32_t>(k, end, from, to, out);
    if (capacity && data.kind == Source::I64) return smallChunks<i64>(k, end, from, to, out);
    for (; k < end; ++k, out += 2) {
      size_t have = available(k);
      field(k, from, have < to ? have : to, out);
    }
  }
};

}  // namespace

void dot(const Source& data, size_t width, const u32* index, size_t count, const KSpan& weights, const KSpan& out) {
  if (count == 0) return;
  const size_t capacity = lazyCapacity(data);
  Buffer<i64> pairs0(width), pairs1(width);
  if (capacity)
    parallelRanges(width, 8192, [&](size_t begin, size_t end) {
      for (size_t j = begin; j < end; ++j)
        pairs0[j] = balancedPair(weights.c0[j]), pairs1[j] = balancedPair(weights.c1[j]);
    });
  const Dot d{data, width, index, weights, capacity, pairs0, pairs1};

  // A grid of tasks: chunks first, entries too where the chunks are few; partial sums are added at the end.
  const size_t wanted = count * width < 1 << 15 ? 1 : 4 * pool::threads();
  const size_t tiles = (count + TILE_ROWS - 1) / TILE_ROWS;
  const size_t kParts = tiles < wanted ? tiles : wanted, kStep = (tiles + kParts - 1) / kParts * TILE_ROWS;
  size_t jParts = wanted / kParts;
  if (jParts > (width + 4095) / 4096) jParts = (width + 4095) / 4096;
  if (jParts == 0) jParts = 1;
  const size_t jStep = (width + jParts - 1) / jParts;
  Buffer<u64> partial(2 * count * jParts);
  partial.zero(2 * count * jParts);
  parallel(kParts * jParts, [&](size_t t) {
    size_t k = t % kParts * kStep, j = t / kParts * jStep;
    size_t kEnd = k + kStep < count ? k + kStep : count, jEnd = j + jStep < width ? j + jStep : width;
    if (k < kEnd && j < jEnd) d.range(k, kEnd, j, jEnd, partial + 2 * (t / kParts * count + k));
  });
  for (size_t k = 0; k < count; ++k) {
    KV<Scalar> s{{0}, {0}};
    for (size_t p = 0; p < jParts; ++p) {
      const u64* x = partial + 2 * (p * count + k);
      s = add(s, KV<Scalar>{{x[0]}, {x[1]}});
    }
    out.c0[k] = s.c0.v, out.c1[k] = s.c1.v;
  }
}

}  // namespace PM_ISA
