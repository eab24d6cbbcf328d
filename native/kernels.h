// The plain interface between the addon's border (addon.cc, which checks every length) and the kernels, and the table
// of one instruction set's kernels. All field values are canonical.
#pragma once
#include <cstddef>
#include <cstdint>

// Integers read as field elements.
struct Source {
  enum Kind { I16, I32, I64, U64 } kind;
  const void* data;
  size_t length;
};
// A planar vector over K, or over F where c1 is null.
struct KSpan {
  uint64_t *c0, *c1;
  size_t length;
};
// One factor of a product: entries over K when k.c0 is set, else of `source`.
struct Table {
  Source source;
  KSpan k;
  size_t length;
};
struct Rows {
  Source data;
  size_t rows;
  unsigned logRow;
  const uint64_t* tail;
  size_t tailLength;
};

// Entry i: constant + sum over terms of coef data[at + i].
struct AffineTerm {
  Source data;
  size_t at;
  uint64_t coef[2];
};
struct Affine {
  uint64_t constant[2];
  const AffineTerm* terms;
  size_t count;
};
struct LeafRange {
  size_t offset, length;
  Affine p, q;
};
// A level of a fraction tree, `size` (a power of two) fractions: in memory where `ranges` is null, else the nodes `height`
// above leaves. Ranges rise; leaves in none hold 0/1, and so do the level's entries from `used` on.
struct Level {
  size_t size, used;
  KSpan p, q;
  const LeafRange* ranges;
  size_t count;  // of ranges
  unsigned height;

  size_t leaves() const { return size << height; }
};

// A matrix of integers: one of the two is set.
struct Operand {
  const int32_t* ints;
  const double* doubles;
  bool transposed;
};

struct Kernels {
  const char* name;
  void (*commit)(const Rows&, unsigned logDomain, uint8_t* tree);
  void (*columns)(const Rows&, unsigned logDomain, const uint32_t* leaves, size_t count, uint64_t* out);
  // `index` has `count` chunks; out has width (combine) or count (dot) entries.
  void (*combine)(const Source&, size_t width, const uint32_t* index, size_t count, const KSpan& coef, const KSpan& out);
  void (*dot)(const Source&, size_t width, const uint32_t* index, size_t count, const KSpan& weights, const KSpan& out);
  // weights: 4 words (two elements of K) a bit; scale, a, r: 2 words.
  void (*expand)(const uint64_t* weights, size_t bits, const uint64_t* scale, const KSpan& out);
  void (*axpy)(const KSpan& y, const uint64_t* a, const Table& x);
  void (*addScalar)(const KSpan& y, const uint64_t* a);
  void (*fold)(const Table& v, const uint64_t* r, const KSpan& out);
  // out: count + 1 elements of K (2 words each).
  void (*productRound)(const Table* factors, size_t count, uint64_t* out);
  void (*productSum)(const Table* factors, size_t count, uint64_t* out);
  void (*innerRound)(const KSpan* pairs, size_t count, uint64_t* out);
  // The level's fractions into out; the level above p, q, half as long.
  void (*fractionLevel)(const Level&, const KSpan& outP, const KSpan& outQ);
  void (*fractionUp)(const KSpan& p, const KSpan& q, const KSpan& outP, const KSpan& outQ);
  // A round, as h(0) and the leading coefficient (2 words each), after binding. `bound`: count elements of K. `tables`
  // (or null) take u, p1, q0, q1, p1 and q1 truncated to one length. Without eqLow entries there is no round.
  void (*fractionStart)(const Level&, const uint64_t* lambda, const uint64_t* bound, size_t count, const KSpan* tables,
                        const KSpan& eqHigh, const KSpan& eqLow, uint64_t* out);
  void (*fractionFold)(const KSpan* tables, size_t size, const uint64_t* r, const KSpan& eqHigh, const KSpan& eqLow,
                       uint64_t* out);
  void (*matmul)(const Source& a, const Source& w, size_t m, size_t n, size_t k, int64_t* out);
  void (*addProduct)(double* out, const Operand& y, const Operand& x, size_t m, size_t n, size_t k);
  double (*rowNorm)(const Operand& y, size_t m, size_t k);
  uint64_t (*grind)(const uint8_t* seed, unsigned bits);
};

// Counts entries; returns the position of the first entry outside, or `length`.
size_t histogram(const int32_t* data, size_t length, int64_t low, uint32_t* counts, size_t buckets);

namespace PM_ISA {
void commit(const Rows&, unsigned, uint8_t*);
void columns(const Rows&, unsigned, const uint32_t*, size_t, uint64_t*);
void combine(const Source&, size_t, const uint32_t*, size_t, const KSpan&, const KSpan&);
void dot(const Source&, size_t, const uint32_t*, size_t, const KSpan&, const KSpan&);
void expand(const uint64_t*, size_t, const uint64_t*, const KSpan&);
void axpy(const KSpan&, const uint64_t*, const Table&);
void addScalar(const KSpan&, const uint64_t*);
void fold(const Table&, const uint64_t*, const KSpan&);
void productRound(const Table*, size_t, uint64_t*);
void productSum(const Table*, size_t, uint64_t*);
void innerRound(const KSpan*, size_t, uint64_t*);
void fractionLevel(const Level&, const KSpan&, const KSpan&);
void fractionUp(const KSpan&, const KSpan&, const KSpan&, const KSpan&);
void fractionStart(const Level&, const uint64_t*, const uint64_t*, size_t, const KSpan*, const KSpan&, const KSpan&,
                   uint64_t*);
void fractionFold(const KSpan*, size_t, const uint64_t*, const KSpan&, const KSpan&, uint64_t*);
void matmul(const Source&, const Source&, size_t, size_t, size_t, int64_t*);
void addProduct(double*, const Operand&, const Operand&, size_t, size_t, size_t);
double rowNorm(const Operand&, size_t, size_t);
uint64_t grind(const uint8_t*, unsigned);
}  // namespace PM_ISA
