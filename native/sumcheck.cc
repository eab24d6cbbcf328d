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

// One entry of every factor.
template <class V, size_t NF, size_t NK>
struct Entry {
  V f[NF ? NF : 1];
  KV<V> k[NK ? NK : 1];

  static Entry load(const Block& b, size_t i) {
    Entry e;
    for (size_t j = 0; j < NF; ++j) e.f[j] = V::load(b.f[j] + i);
    for (size_t j = 0; j < NK; ++j) e.k[j] = {V::load(b.k0[j] + i), V::load(b.k1[j] + i)};
    return e;
  }
  friend Entry operator-(Entry a, const Entry& b) {
    for (size_t j = 0; j < NF; ++j) a.f[j] = sub(a.f[j], b.f[j]);
    for (size_t j = 0; j < NK; ++j) a.k[j] = sub(a.k[j], b.k[j]);
    return a;
  }
  void operator+=(const Entry& b) {
    for (size_t j = 0; j < NF; ++j) f[j] = add(f[j], b.f[j]);
    for (size_t j = 0; j < NK; ++j) k[j] = add(k[j], b.k[j]);
  }
  // acc += the product; all factors but the last are multiplied out.
  void addProduct(KAcc<V>& acc) const {
    if constexpr (NF == 0) {
      if constexpr (NK == 1) mac(acc, V::set(1), k[0]);
      else times<1>(k[0], acc);
    } else {
      V x = f[0];
      constexpr size_t whole = NK ? NF : NF - 1;
      for (size_t j = 1; j < whole; ++j) x = mul(x, f[j]);
      if constexpr (NK > 0) times<0>(x, acc);
      else if constexpr (NF > 1) mac(acc, x, f[NF - 1]);
      else mac(acc, x, V::set(1));
    }
  }
  // acc += x k[J] .. k[NK - 1].
  template <size_t J, class X>
  void times(X x, KAcc<V>& acc) const {
    if constexpr (J + 1 == NK) mac(acc, x, k[J]);
    else times<J + 1>(mul(x, k[J]), acc);
  }
};

template <class V, size_t NF, size_t NK>
inline void roundTerm(const Block& low, const Block& high, size_t i, KAcc<V>* acc) {
  auto a = Entry<V, NF, NK>::load(low, i), b = Entry<V, NF, NK>::load(high, i);
  a.addProduct(acc[0]);
  b.addProduct(acc[1]);
  auto step = b - a;
  for (size_t t = 2; t <= NF + NK; ++t) b += step, b.addProduct(acc[t]);
}

// Pairs (i, half + i) for i in [begin, end), added to out.
template <size_t NF, size_t NK>
void roundRange(const Factors& from, size_t half, size_t begin, size_t end, u64* out) {
  constexpr size_t D = NF + NK;
  KAcc<Vec> acc[D + 1];
  KAcc<Scalar> rest[D + 1];
  u64 scratch[2 * MOST][TILE];
  for (size_t at = begin; at < end; at += TILE) {
    const size_t n = end - at < TILE ? end - at : TILE;
    const Block low = readFactors<NF, NK>(from, at, n, scratch);
    const Block high = readFactors<NF, NK>(from, half + at, n, scratch + MOST);
    size_t i = 0;
    for (; i + W <= n; i += W) roundTerm<Vec, NF, NK>(low, high, i, acc);
    for (; i < n; ++i) roundTerm<Scalar, NF, NK>(low, high, i, rest);
  }
  for (size_t t = 0; t <= D; ++t) addTo(out + 2 * t, acc[t].value()), addTo(out + 2 * t, rest[t].value());
}

template <size_t NF, size_t NK>
void sumRange(const Factors& from, size_t, size_t begin, size_t end, u64* out) {
  KAcc<Vec> acc;
  KAcc<Scalar> rest;
  u64 scratch[MOST][TILE];
  for (size_t at = begin; at < end; at += TILE) {
    const size_t n = end - at < TILE ? end - at : TILE;
    const Block b = readFactors<NF, NK>(from, at, n, scratch);
    size_t i = 0;
    for (; i + W <= n; i += W) Entry<Vec, NF, NK>::load(b, i).addProduct(acc);
    for (; i < n; ++i) Entry<Scalar, NF, NK>::load(b, i).addProduct(rest);
  }
  addTo(out, acc.value()), addTo(out, rest.value());
}

typedef void (*Range)(const Factors&, size_t half, size_t begin, size_t end, u64* out);
#define PM_BY_KIND(FN)                                                                                 \
  {{nullptr, FN<0, 1>, FN<0, 2>, FN<0, 3>, FN<0, 4>}, {FN<1, 0>, FN<1, 1>, FN<1, 2>, FN<1, 3>, nullptr}, \
   {FN<2, 0>, FN<2, 1>, FN<2, 2>, nullptr, nullptr},  {FN<3, 0>, FN<3, 1>, nullptr, nullptr, nullptr},   \
   {FN<4, 0>, nullptr, nullptr, nullptr, nullptr}}
constexpr Range ROUND[MOST + 1][MOST + 1] = PM_BY_KIND(roundRange);
constexpr Range SUM[MOST + 1][MOST + 1] = PM_BY_KIND(sumRange);

void overRange(const Range (&kernels)[MOST + 1][MOST + 1], const Table* tables, size_t count, size_t half, size_t n,
               size_t values, u64* out) {
  Factors from;
  size_t nf = 0, nk = 0;
  for (size_t i = 0; i < count; ++i) (tables[i].k.c0 ? from.k[nk++] : from.f[nf++]) = tables + i;
  for (size_t t = 0; t < 2 * values; ++t) out[t] = 0;
  std::mutex lock;
  parallelRanges(n, GRAIN, [&](size_t begin, size_t end) {
    u64 part[2 * (MOST + 1)] = {};
    kernels[nf][nk](from, half, begin, end, part);
    std::lock_guard<std::mutex> hold(lock);
    for (size_t t = 0; t < 2 * values; ++t) out[t] = add(Scalar{out[t]}, Scalar{part[t]}).v;
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
  for (int t = 0; t < 6; ++t) out[t] = 0;
  std::mutex lock;
  parallelRanges(count, 256, [&](size_t begin, size_t end) {
    u64 part[6] = {};
    for (size_t p = begin; p < end; ++p) {
      Table t[2] = {{{}, pairs[2 * p], 0}, {{}, pairs[2 * p + 1], 0}};
      size_t half = pairs[2 * p].length / 2;
      roundRange<0, 2>({{}, {t, t + 1}}, half, 0, half, part);
    }
    std::lock_guard<std::mutex> hold(lock);
    for (int t = 0; t < 6; ++t) out[t] = add(Scalar{out[t]}, Scalar{part[t]}).v;
  });
}

}  // namespace PM_ISA
