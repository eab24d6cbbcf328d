// Round polynomials of sums of products, as values at 0, 1, .., degree.
#include <mutex>

#include "kernels.h"
#include "pool.h"
#include "tables.h"

namespace PM_ISA {

namespace {

constexpr size_t GRAIN = 4096, MOST = 4;

// Factors in the order F first, K last, and their entries [at, at + n) as pointers.
struct Factors {
  const Table* f[MOST];
  const Table* k[MOST];
};
struct Block {
  const u64* f[MOST];
  const u64 *k0[MOST], *k1[MOST];
};

template <size_t NF, size_t NK>
Block readFactors(const Factors& from, size_t at, size_t n, u64 (*scratch)[TILE]) {
  Block b;
  for (size_t i = 0; i < NF; ++i) b.f[i] = readBlock(from.f[i]->source, at, n, scratch[i]);
  for (size_t i = 0; i < NK; ++i) b.k0[i] = from.k[i]->k.c0 + at, b.k1[i] = from.k[i]->k.c1 + at;
  return b;
}

// One entry of every factor a lane; lanes past the end are zero, and so is their product.
template <size_t NF, size_t NK>
struct Entry {
  Vec f[NF ? NF : 1];
  KV<Vec> k[NK ? NK : 1];

  // Entries i .. i + W - 1 of a block of n.
  PM_INLINE Entry(const Block& b, size_t i, size_t n) {
#pragma GCC unroll 4
    for (size_t j = 0; j < NF; ++j) f[j] = Vec::loadPart(b.f[j] + i, n - i);
#pragma GCC unroll 4
    for (size_t j = 0; j < NK; ++j) k[j] = {Vec::loadPart(b.k0[j] + i, n - i), Vec::loadPart(b.k1[j] + i, n - i)};
  }
  PM_INLINE void operator-=(const Entry& b) {
#pragma GCC unroll 4
    for (size_t j = 0; j < NF; ++j) f[j] = sub(f[j], b.f[j]);
#pragma GCC unroll 4
    for (size_t j = 0; j < NK; ++j) k[j] = sub(k[j], b.k[j]);
  }
  PM_INLINE void operator+=(const Entry& b) {
#pragma GCC unroll 4
    for (size_t j = 0; j < NF; ++j) f[j] = add(f[j], b.f[j]);
#pragma GCC unroll 4
    for (size_t j = 0; j < NK; ++j) k[j] = add(k[j], b.k[j]);
  }
  // acc += the product; all factors but the last are multiplied out.
  PM_INLINE void addProduct(KAcc<Vec>& acc) const {
    if constexpr (NF == 0) {
      if constexpr (NK == 1) mac(acc, Vec::set(1), k[0]);
      else times<1>(k[0], acc);
    } else {
      Vec x = f[0];
      constexpr size_t whole = NK ? NF : NF - 1;
#pragma GCC unroll 4
      for (size_t j = 1; j < whole; ++j) x = mul(x, f[j]);
      if constexpr (NK > 0) times<0>(x, acc);
      else if constexpr (NF > 1) mac(acc, x, f[NF - 1]);
      else mac(acc, x, Vec::set(1));
    }
  }
  // acc += x k[J] .. k[NK - 1].
  template <size_t J, class X>
  PM_INLINE void times(X x, KAcc<Vec>& acc) const {
    if constexpr (J + 1 == NK) mac(acc, x, k[J]);
    else times<J + 1>(mul(x, k[J]), acc);
  }
};

// Pairs (i, half + i) for i in [begin, end): acc[t] += the products at t.
template <size_t NF, size_t NK>
void roundRange(const Factors& from, size_t half, size_t begin, size_t end, KAcc<Vec>* acc) {
  u64 scratch[2 * MOST][TILE];
  for (size_t at = begin; at < end; at += TILE) {
    const size_t n = end - at < TILE ? end - at : TILE;
    const Block low = readFactors<NF, NK>(from, at, n, scratch);
    const Block high = readFactors<NF, NK>(from, half + at, n, scratch + MOST);
    for (size_t i = 0; i < n; i += W) {
      Entry<NF, NK> step(low, i, n), x(high, i, n);
      step.addProduct(acc[0]);
      // From high and high - low on: t = 1, 2, ..
      Entry<NF, NK> line = x;
      line -= step;
#pragma GCC unroll 1
      for (size_t t = 1; t <= NF + NK; ++t) {
        if (t > 1) x += line;
        x.addProduct(acc[t]);
      }
    }
  }
}

template <size_t NF, size_t NK>
void sumRange(const Factors& from, size_t, size_t begin, size_t end, KAcc<Vec>* acc) {
  u64 scratch[MOST][TILE];
  for (size_t at = begin; at < end; at += TILE) {
    const size_t n = end - at < TILE ? end - at : TILE;
    const Block b = readFactors<NF, NK>(from, at, n, scratch);
    for (size_t i = 0; i < n; i += W) Entry<NF, NK>(b, i, n).addProduct(*acc);
  }
}

typedef void (*Range)(const Factors&, size_t half, size_t begin, size_t end, KAcc<Vec>* acc);
#define PM_BY_KIND(FN)                                                                                 \
  {{nullptr, FN<0, 1>, FN<0, 2>, FN<0, 3>, FN<0, 4>}, {FN<1, 0>, FN<1, 1>, FN<1, 2>, FN<1, 3>, nullptr}, \
   {FN<2, 0>, FN<2, 1>, FN<2, 2>, nullptr, nullptr},  {FN<3, 0>, FN<3, 1>, nullptr, nullptr, nullptr},   \
   {FN<4, 0>, nullptr, nullptr, nullptr, nullptr}}
constexpr Range ROUND[MOST + 1][MOST + 1] = PM_BY_KIND(roundRange);
constexpr Range SUM[MOST + 1][MOST + 1] = PM_BY_KIND(sumRange);

// Adds up `values` sums over [0, n): body(begin, end, acc), split over the pool.
template <class Body>
void accumulate(size_t n, size_t grain, size_t values, u64* out, Body&& body) {
  for (size_t t = 0; t < 2 * values; ++t) out[t] = 0;
  std::mutex lock;
  parallelRanges(n, grain, [&](size_t begin, size_t end) {
    KAcc<Vec> acc[MOST + 1];
    body(begin, end, acc);
    std::lock_guard<std::mutex> hold(lock);
    for (size_t t = 0; t < values; ++t) addTo(out + 2 * t, acc[t].value());
  });
}

void overRange(const Range (&kernels)[MOST + 1][MOST + 1], const Table* tables, size_t count, size_t half, size_t n,
               size_t values, u64* out) {
  Factors from;
  size_t nf = 0, nk = 0;
  for (size_t i = 0; i < count; ++i) (tables[i].k.c0 ? from.k[nk++] : from.f[nf++]) = tables + i;
  accumulate(n, GRAIN, values, out, [&](size_t begin, size_t end, KAcc<Vec>* acc) {
    kernels[nf][nk](from, half, begin, end, acc);
  });
}

}  // namespace

void productRound(const Table* factors, size_t count, u64* out) {
  size_t half = factors[0].length / 2;
  overRange(ROUND, factors, count, half, half, count + 1, out);
}

void productSum(const Table* factors, size_t count, u64* out) {
  overRange(SUM, factors, count, 0, factors[0].length, 1, out);
}

void innerRound(const KSpan* pairs, size_t count, u64* out) {
  size_t total = 0;
  for (size_t p = 0; p < count; ++p) total += pairs[2 * p].length / 2 + 8;
  const size_t grain = count * GRAIN / (total + 1) + 1;  // pairs worth GRAIN entries
  accumulate(count, grain, 3, out, [&](size_t begin, size_t end, KAcc<Vec>* acc) {
    for (size_t p = begin; p < end; ++p) {
      const Table t[2] = {{{}, pairs[2 * p], 0}, {{}, pairs[2 * p + 1], 0}};
      const size_t half = pairs[2 * p].length / 2;
      roundRange<0, 2>({{}, {t, t + 1}}, half, 0, half, acc);
    }
  });
}

}  // namespace PM_ISA
