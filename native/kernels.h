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
  // out[i] = constant + sum_k coef[k] data[index[k] out.length + i]
  void (*affine)(const Source& data, const uint32_t* index, size_t count, const KSpan& coef, const uint64_t* constant,
                 const KSpan& out);
  void (*fold)(const Table& v, const uint64_t* r, const KSpan& out);
  // out: count + 1 elements of K (2 words each).
  void (*productRound)(const Table* factors, size_t count, uint64_t* out);
  void (*productSum)(const Table* factors, size_t count, uint64_t* out);
  void (*innerRound)(const KSpan* pairs, size_t count, uint64_t* out);
  // p, q are truncated, and so are the outputs, of nominal length `half`.
  void (*fractionUp)(const KSpan& p, const KSpan& q, size_t half, const KSpan& outP, const KSpan& outQ);
  // tables: p0, p1, q0, q1, truncated, of nominal length `size`; out: 3 elements of K. With r the tables are bound first,
  // over their own first half; c1 takes the second components of p0 and p1 where these are over F. Without eqLow entries
  // there is no round.
  void (*fractionRound)(const KSpan* tables, size_t size, const uint64_t* r, uint64_t* const* c1,
                        const uint64_t* lambda, const KSpan& eqHigh, const KSpan& eqLow, uint64_t* out);
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
void affine(const Source&, const uint32_t*, size_t, const KSpan&, const uint64_t*, const KSpan&);
void fold(const Table&, const uint64_t*, const KSpan&);
void productRound(const Table*, size_t, uint64_t*);
void productSum(const Table*, size_t, uint64_t*);
void innerRound(const KSpan*, size_t, uint64_t*);
void fractionUp(const KSpan&, const KSpan&, size_t, const KSpan&, const KSpan&);
void fractionRound(const KSpan*, size_t, const uint64_t*, uint64_t* const*, const uint64_t*, const KSpan&, const KSpan&,
                   uint64_t*);
void matmul(const Source&, const Source&, size_t, size_t, size_t, int64_t*);
void addProduct(double*, const Operand&, const Operand&, size_t, size_t, size_t);
double rowNorm(const Operand&, size_t, size_t);
uint64_t grind(const uint8_t*, unsigned);
}  // namespace PM_ISA
