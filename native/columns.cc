// Columns of the encoding at some leaves, from the rows: inner products with powers of the points where entries are small
// integers, else a remainder tree pruned to the leaves.
#include "buffer.h"
#include "digits.h"
#include "encode.h"
#include "lazy.h"
#include "ntt.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t TREE_BETTER = 192;  // points from which the tree needs fewer operations than small-integer products

// One row's remainder tree, as a list of steps shared by all rows. A node's polynomial lies at `at`.
struct Step {
  enum Kind : u8 { LOAD, LEFT, RIGHT, BOTH, EMIT } kind;
  size_t at, half;  // LOAD: coset index in `half`; EMIT: position of the query in `half`
  u64 s;            // LEFT, RIGHT, BOTH: low + s high and low - s high; LOAD: g^N
};

struct Query {
  u32 leaf;
  u32 position;
};

struct Plan {
  unsigned logN;
  const u64* roots;
  Buffer<Step> steps;
  size_t count = 0;

  Plan(unsigned logRow, const u64* bitReversed, size_t capacity) : logN(logRow), roots(bitReversed), steps(capacity) {}

  // Node b of level l on a coset with generator g; queries [from, to) are its leaves, in order.
  void node(const Query* q, size_t from, size_t to, unsigned l, size_t b, size_t at, u64 g) {
    if (l == logN) {
      for (size_t i = from; i < to; ++i) steps[count++] = {Step::EMIT, at, q[i].position, 0};
      return;
    }
    const size_t half = (size_t)1 << (logN - l - 1);
    const size_t middle = (2 * b + 1) * half;  // first leaf of the right child, within the coset
    size_t split = from;
    while (split < to && (q[split].leaf & (((size_t)1 << logN) - 1)) < middle) ++split;
    const u64 s = mul(Scalar{powF(g, half)}, Scalar{roots[b]}).v;
    const bool left = split > from, right = split < to;
    steps[count++] = {left && right ? Step::BOTH : left ? Step::LEFT : Step::RIGHT, at, half, s};
    if (left) node(q, from, split, l + 1, 2 * b, at, g);
    if (right) node(q, split, to, l + 1, 2 * b + 1, left ? at + half : at, g);
  }
};

// low <- low + s high (LEFT), low - s high (RIGHT), or both into low and high.
void reduceStep(const Step& step, u64* a) {
  u64 *low = a + step.at, *high = low + step.half;
  const Step::Kind kind = step.kind;
  lanes(0, step.half, [&](auto v, size_t j) {
    using V = decltype(v);
    V u = V::load(low + j), t = canon(mulL(V::load(high + j), V::set(step.s)));
    if (kind == Step::RIGHT) return subL(u, t).store(low + j);
    addL(u, t).store(low + j);
    if (kind == Step::BOTH) subL(u, t).store(high + j);
  });
}

void byTree(const Rows& m, unsigned logDomain, const u32* leaves, size_t count, u64* out) {
  const size_t N = (size_t)1 << m.logRow;
  const u64 w = rootOfUnity(logDomain);
  Buffer<u64> roots(N);
  bitReversedRoots(m.logRow, roots);
  Buffer<Query> sorted(count);
  for (size_t i = 0; i < count; ++i) {
    Query x{leaves[i], (u32)i};
    size_t j = i;
    for (; j > 0 && sorted[j - 1].leaf > x.leaf; --j) sorted[j] = sorted[j - 1];
    sorted[j] = x;
  }
  Plan plan(m.logRow, roots, count * (m.logRow + 2));
  for (size_t from = 0, to; from < count; from = to) {
    const size_t coset = sorted[from].leaf >> m.logRow;
    for (to = from; to < count && sorted[to].leaf >> m.logRow == coset;) ++to;
    const u64 g = powF(w, coset);
    plan.steps[plan.count++] = {Step::LOAD, 0, coset, powF(g, N)};
    plan.node(sorted, from, to, 0, 0, 0, g);
  }
  const size_t per = (m.rows + 8 * pool::threads() - 1) / (8 * pool::threads());
  parallel((m.rows + per - 1) / per, [&](size_t t) {
    Buffer<u64> a(N);
    for (size_t r = t * per; r < (t + 1) * per && r < m.rows; ++r)
      for (size_t i = 0; i < plan.count; ++i) {
        const Step& step = plan.steps[i];
        if (step.kind == Step::LOAD) loadRow(m, r, step.s, a);
        else if (step.kind == Step::EMIT) out[step.half * m.rows + r] = canon(Scalar{a[step.at]}).v;
        else reduceStep(step, a);
      }
  });
}

// x^from .. x^(from + n - 1): as many runs side by side as there are lanes.
void powers(u64 x, size_t from, size_t n, u64* out) {
  u64 p = powF(x, from), step = powF(x, W);
  for (size_t i = 0; i < W && i < n; ++i, p = mul(Scalar{p}, Scalar{x}).v) out[i] = p;
  if (n < W) return;
  Vec run = Vec::load(out);
  size_t i = W;
  for (; i + W <= n; i += W) run = mul(run, Vec::set(step)), run.store(out + i);
  for (; i < n; ++i) out[i] = mul(Scalar{out[i - 1]}, Scalar{x}).v;
}

struct ByPowers {
  const Rows& m;
  size_t count;
  u64* out;

  void addAt(size_t query, size_t row, u64 value) const {
    u64& o = out[query * m.rows + row];
    o = add(Scalar{o}, Scalar{value}).v;
  }

  // Rows [r, r + R), their entries [j, j + n): n small enough for sums of 64 bits. pairs: count rows of `stride`.
  template <class T, size_t R>
  void data(size_t r, size_t j, size_t n, const i64* pairs, size_t stride) const {
    const T* rows[R];
    for (size_t i = 0; i < R; ++i) rows[i] = (const T*)m.data.data + ((r + i) << m.logRow) + j;
    for (size_t q = 0; q < count; q += 2) {
      const size_t q1 = q + 1 < count ? q + 1 : q;
      i64 sums[R][2][2] = {};
      lazyTile<T, R>(rows, {pairs + q * stride, pairs + q1 * stride}, n, sums);
      for (size_t i = 0; i < R; ++i) {
        addAt(q, r + i, foldPair(sums[i][0][0], sums[i][0][1]));
        if (q1 != q) addAt(q1, r + i, foldPair(sums[i][1][0], sums[i][1][1]));
      }
    }
  }
  template <class T>
  void dataRows(size_t begin, size_t end, size_t j, size_t n, const i64* pairs, size_t stride) const {
    for (size_t r = begin; r < end;) {
      size_t at = (r << m.logRow) + j, N = (size_t)1 << m.logRow;
      if (at >= m.data.length) return;
      if (r + TILE_ROWS <= end && at + (TILE_ROWS - 1) * N + n <= m.data.length) {
        data<T, TILE_ROWS>(r, j, n, pairs, stride);
        r += TILE_ROWS;
      } else {
        size_t have = m.data.length - at;
        data<T, 1>(r, j, have < n ? have : n, pairs, stride);
        ++r;
      }
    }
  }
  // Entries [j, j + n) of the tails of rows [begin, end).
  void tailRows(size_t begin, size_t end, size_t j, size_t n, const u64* weights, size_t stride) const {
    for (size_t r = begin; r < end; ++r) {
      const u64* tail = m.tail + r * m.tailLength + j;
      for (size_t q = 0; q < count; ++q) {
        const u64* w = weights + q * stride;
        Acc<Vec> acc = zeroAcc(Vec{});
        Acc<Scalar> rest = zeroAcc(Scalar{});
        size_t i = 0;
        for (; i + W <= n; i += W) mac(acc, Vec::load(tail + i), Vec::load(w + i));
        for (; i < n; ++i) mac(rest, Scalar{tail[i]}, Scalar{w[i]});
        addAt(q, r, laneSum(canon(reduceL(acc))));
        addAt(q, r, canon(reduceL(rest)).v);
      }
    }
  }
};

#if defined(PM_DIGITS)
// As byPowers, for 16-bit entries: the powers as digits of 11 bits (see digits.h).
struct ByDigits {
  const Rows& m;
  size_t count;
  u64* out;
  const int16_t* digits;  // DIGITS runs of DIGIT_BLOCK entries a point

  template <size_t R>
  void tile(size_t r, size_t j, size_t n, size_t q) const {
    const int16_t* rows[R];
    for (size_t i = 0; i < R; ++i) rows[i] = (const int16_t*)m.data.data + ((r + i) << m.logRow) + j;
    u64 sums[R];
    digitTile<R>(rows, digits + q * DIGITS * DIGIT_BLOCK, n, sums);
    for (size_t i = 0; i < R; ++i) {
      u64& o = out[q * m.rows + r + i];
      o = add(Scalar{o}, Scalar{sums[i]}).v;
    }
  }
  // Rows [begin, end), entries [j, j + n); two points at a time stay in the first-level cache.
  void rows(size_t begin, size_t end, size_t j, size_t n) const {
    for (size_t q = 0; q < count; q += 2)
      for (size_t r = begin; r < end;) {
        const size_t N = (size_t)1 << m.logRow, at = (r << m.logRow) + j;
        if (at >= m.data.length) break;
        const bool whole = r + DIGIT_ROWS <= end && at + (DIGIT_ROWS - 1) * N + n <= m.data.length;
        const size_t have = m.data.length - at < n ? m.data.length - at : n;
        for (size_t p = q; p < q + 2 && p < count; ++p)
          if (whole) tile<DIGIT_ROWS>(r, j, n, p);
          else tile<1>(r, j, have, p);
        r += whole ? DIGIT_ROWS : 1;
      }
  }
};
#endif

void byPowers(const Rows& m, unsigned logDomain, const u32* leaves, size_t count, size_t capacity, u64* out) {
  const size_t N = (size_t)1 << m.logRow, total = N + m.tailLength;
  size_t step = capacity < 1024 ? capacity : 1024;
#if defined(PM_DIGITS)
  const bool byDigits = m.data.kind == Source::I16;
  if (byDigits) step = DIGIT_BLOCK;
  Buffer<int16_t> digits(byDigits ? count * DIGITS * DIGIT_BLOCK : 0);
  const ByDigits d{m, count, out, digits};
#endif
  Buffer<u64> points(count), weights(count * step);
  const u64 w = rootOfUnity(logDomain);
  for (size_t q = 0; q < count; ++q) {
    size_t i = leaves[q] & (N - 1), coset = leaves[q] >> m.logRow;
    points[q] = powF(w, coset + (bitReverse(i, m.logRow) << (logDomain - m.logRow)));
  }
  std::memset(out, 0, count * m.rows * 8);
  const ByPowers b{m, count, out};
  for (size_t j = 0, n; j < total; j += n) {
    const bool tail = j >= N;
    n = (tail ? total : N) - j;
    if (n > step) n = step;
    parallelRanges(count, 4, [&](size_t begin, size_t end) {
      for (size_t q = begin; q < end; ++q) {
        u64* to = weights + q * step;
        powers(points[q], j, n, to);
#if defined(PM_DIGITS)
        if (byDigits && !tail) {
          toDigits(to, n, digits + q * DIGITS * DIGIT_BLOCK);
          continue;
        }
#endif
        if (!tail)
          for (size_t i = 0; i < n; ++i) to[i] = (u64)balancedPair(to[i]);
      }
    });
    const size_t per = ((m.rows + 4 * pool::threads() - 1) / (4 * pool::threads()) + 3) / 4 * 4;
    parallel((m.rows + per - 1) / per, [&](size_t t) {
      const size_t begin = t * per, end = begin + per < m.rows ? begin + per : m.rows;
      const i64* pairs = (const i64*)weights.get();
      if (tail) return b.tailRows(begin, end, j - N, n, weights, step);
#if defined(PM_DIGITS)
      if (byDigits) return d.rows(begin, end, j, n);
#endif
      if (m.data.kind == Source::I16) b.dataRows<int16_t>(begin, end, j, n, pairs, step);
      else if (m.data.kind == Source::I32) b.dataRows<int32_t>(begin, end, j, n, pairs, step);
      else b.dataRows<i64>(begin, end, j, n, pairs, step);
    });
  }
}

}  // namespace

void columns(const Rows& m, unsigned logDomain, const u32* leaves, size_t count, u64* out) {
  if (count == 0 || m.rows == 0) return;
  const size_t capacity = count < TREE_BETTER ? lazyCapacity(m.data) : 0;
  if (capacity) byPowers(m, logDomain, leaves, count, capacity, out);
  else byTree(m, logDomain, leaves, count, out);
}

}  // namespace PM_ISA
