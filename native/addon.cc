// The Node-API border: every argument is checked here, kernels trust theirs.
//
// Vectors over K travel as two BigUint64Arrays, elements of K as words of a BigUint64Array. Results are written into arrays
// that the caller allocated (see src/backend/native.ts).
#include <node_api.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "kernels.h"

namespace isa_base { extern const Kernels table; }
#if defined(__x86_64__)
namespace isa_avx2 { extern const Kernels table; }
namespace isa_avx512 { extern const Kernels table; }
#endif

namespace {

// PROOFMARK_ISA=base|avx2|avx512 forces a table that this processor can run.
const Kernels& choose() {
#if defined(__x86_64__)
  const char* forced = std::getenv("PROOFMARK_ISA");
  const std::string want = forced ? forced : "";
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx512 && (want.empty() || want == "avx512")) return isa_avx512::table;
  if (avx2 && want != "base") return isa_avx2::table;
#endif
  return isa_base::table;
}
const Kernels& kernels() {
  static const Kernels& k = choose();
  return k;
}

// Asks for huge pages under a large result before its first touch: page faults would cost more than the arithmetic.
void preferHugePages(void* p, size_t bytes) {
#if defined(__linux__)
  const uintptr_t size = 2 << 20, from = ((uintptr_t)p + size - 1) / size * size, to = ((uintptr_t)p + bytes) / size * size;
  if (from < to) madvise((void*)from, to - from, MADV_HUGEPAGE);
#endif
}

struct Bad {
  bool range;  // RangeError, else TypeError
  std::string text;
};
void require(bool ok, const std::string& text) {
  if (!ok) throw Bad{true, text};
}

struct Array {
  napi_typedarray_type type;
  size_t length;
  void* data;
};

struct Args {
  napi_env env;
  napi_value at[16];
  size_t count = 16;

  Array array(napi_value v, const char* name) const {
    bool is = false;
    Array a{};
    napi_is_typedarray(env, v, &is);
    if (!is || napi_get_typedarray_info(env, v, &a.type, &a.length, &a.data, nullptr, nullptr) != napi_ok)
      throw Bad{false, std::string(name) + ": expected a typed array"};
    return a;
  }
  template <class T>
  T* words(napi_value v, const char* name, napi_typedarray_type type, size_t* length) const {
    Array a = array(v, name);
    if (a.type != type) throw Bad{false, std::string(name) + ": wrong kind of typed array"};
    *length = a.length;
    return (T*)a.data;
  }
  uint64_t* f(size_t i, const char* name, size_t least) const {
    size_t n;
    uint64_t* p = words<uint64_t>(at[i], name, napi_biguint64_array, &n);
    require(n >= least, std::string(name) + ": expected " + std::to_string(least) + " entries, got " + std::to_string(n));
    return p;
  }
  // Arguments i, i + 1 as the components of a vector over K.
  KSpan k(size_t i, const char* name) const { return k(at[i], at[i + 1], name); }
  KSpan k(napi_value v0, napi_value v1, const char* name) const {
    KSpan s{};
    size_t n1;
    s.c0 = words<uint64_t>(v0, name, napi_biguint64_array, &s.length);
    s.c1 = words<uint64_t>(v1, name, napi_biguint64_array, &n1);
    require(n1 == s.length, std::string(name) + ": components of different lengths");
    return s;
  }
  KSpan k(size_t i, const char* name, size_t length) const {
    KSpan s = k(i, name);
    require(s.length == length,
            std::string(name) + ": expected " + std::to_string(length) + " entries, got " + std::to_string(s.length));
    return s;
  }
  // A result: arguments i, i + 1.
  KSpan result(size_t i, const char* name, size_t length) const {
    KSpan s = k(i, name, length);
    preferHugePages(s.c0, length * 8);
    preferHugePages(s.c1, length * 8);
    return s;
  }
  bool isArray(napi_value v) const {
    bool is = false;
    napi_is_typedarray(env, v, &is);
    return is;
  }
  Source source(napi_value v, const char* name) const {
    Array a = array(v, name);
    switch (a.type) {
      case napi_int16_array: return {Source::I16, a.data, a.length};
      case napi_int32_array: return {Source::I32, a.data, a.length};
      case napi_bigint64_array: return {Source::I64, a.data, a.length};
      case napi_biguint64_array: return {Source::U64, a.data, a.length};
      default: throw Bad{false, std::string(name) + ": expected Int16, Int32, BigInt64 or BigUint64 entries"};
    }
  }
  // A factor: a Source with an undefined second component, or a vector over K.
  Table table(napi_value v0, napi_value v1, const char* name) const {
    if (isArray(v1)) {
      KSpan s = k(v0, v1, name);
      return {{}, s, s.length};
    }
    Source s = source(v0, name);
    return {s, {}, s.length};
  }
  size_t size(size_t i, const char* name, double most) const {
    double x = -1;
    if (napi_get_value_double(env, at[i], &x) != napi_ok) throw Bad{false, std::string(name) + ": expected a number"};
    require(x >= 0 && x <= most && x == (double)(size_t)x, std::string(name) + ": out of range");
    return (size_t)x;
  }
  bool isList(size_t i) const {
    bool is = false;
    napi_is_array(env, at[i], &is);
    return is;
  }
  // The elements of a JavaScript array.
  std::vector<napi_value> list(size_t i, const char* name) const {
    uint32_t n = 0;
    if (!isList(i)) throw Bad{false, std::string(name) + ": expected an array"};
    napi_get_array_length(env, at[i], &n);
    std::vector<napi_value> out(n);
    for (uint32_t e = 0; e < n; ++e) napi_get_element(env, at[i], e, &out[e]);
    return out;
  }
};

constexpr double MOST = 9007199254740991.0;

// Arguments 0..5: data, rows, logRow, tail, tailLength, logDomain.
Rows rowsOf(const Args& a, unsigned* logDomain) {
  Rows m{};
  m.data = a.source(a.at[0], "data");
  m.rows = a.size(1, "rows", 1u << 30);
  m.logRow = (unsigned)a.size(2, "logRow", 28);
  m.tailLength = a.size(4, "tailLength", 1u << 30);
  m.tail = a.f(3, "tail", m.rows * m.tailLength);
  *logDomain = (unsigned)a.size(5, "logDomain", 30);
  require(m.rows > 0, "rows: expected at least 1");
  require(m.logRow <= *logDomain && ((size_t)1 << m.logRow) + m.tailLength <= (size_t)1 << *logDomain,
          "logDomain: rows and tails do not fit the domain");
  require(m.data.length <= m.rows << m.logRow, "data: longer than the rows");
  return m;
}

void preferHugePagesCall(const Args& a) {
  size_t n;
  uint64_t* words = a.words<uint64_t>(a.at[0], "words", napi_biguint64_array, &n);
  preferHugePages(words, n * 8);
}

void commitCall(const Args& a) {
  unsigned logDomain;
  Rows m = rowsOf(a, &logDomain);
  size_t n;
  uint8_t* tree = a.words<uint8_t>(a.at[6], "tree", napi_uint8_array, &n);
  require(n == (((size_t)2 << logDomain) - 1) * 32, "tree: wrong length");
  preferHugePages(tree, n);
  kernels().commit(m, logDomain, tree);
}

void columnsCall(const Args& a) {
  unsigned logDomain;
  Rows m = rowsOf(a, &logDomain);
  size_t count;
  uint32_t* leaves = a.words<uint32_t>(a.at[6], "leaves", napi_uint32_array, &count);
  for (size_t i = 0; i < count; ++i) require(leaves[i] >> logDomain == 0, "leaves: outside the domain");
  kernels().columns(m, logDomain, leaves, count, a.f(7, "out", count * m.rows));
}

void combineCall(const Args& a) {
  size_t count, width = a.size(1, "width", MOST);
  uint32_t* index = a.words<uint32_t>(a.at[2], "index", napi_uint32_array, &count);
  kernels().combine(a.source(a.at[0], "data"), width, index, count, a.k(3, "coef", count), a.result(5, "out", width));
}

void dotCall(const Args& a) {
  size_t count, width = a.size(1, "width", MOST);
  uint32_t* index = a.words<uint32_t>(a.at[2], "index", napi_uint32_array, &count);
  kernels().dot(a.source(a.at[0], "data"), width, index, count, a.k(3, "weights", width), a.result(5, "out", count));
}

void expandCall(const Args& a) {
  size_t bits = a.size(1, "bits", 40);
  kernels().expand(a.f(0, "weights", 4 * bits), bits, a.f(2, "scale", 2), a.result(3, "out", (size_t)1 << bits));
}

void axpyCall(const Args& a) {
  KSpan y = a.k(0, "y");
  Table x = a.table(a.at[3], a.at[4], "x");
  require(x.length == y.length, "x: length differs from y");
  kernels().axpy(y, a.f(2, "a", 2), x);
}

void addScalarCall(const Args& a) { kernels().addScalar(a.k(0, "y"), a.f(2, "a", 2)); }

void foldCall(const Args& a) {
  Table v = a.table(a.at[0], a.at[1], "v");
  require(v.length % 2 == 0, "v: odd length");
  kernels().fold(v, a.f(2, "r", 2), a.result(3, "out", v.length / 2));
}

// Argument 0: 2 values a factor (see Args::table).
std::vector<Table> factorsOf(const Args& a) {
  std::vector<napi_value> parts = a.list(0, "factors");
  require(parts.size() % 2 == 0 && parts.size() >= 2 && parts.size() <= 8, "factors: expected 1 to 4");
  std::vector<Table> out;
  for (size_t i = 0; i < parts.size(); i += 2) out.push_back(a.table(parts[i], parts[i + 1], "factors"));
  for (const Table& t : out) require(t.length == out[0].length, "factors: different lengths");
  return out;
}

void productRoundCall(const Args& a) {
  std::vector<Table> factors = factorsOf(a);
  require(factors[0].length % 2 == 0, "factors: odd length");
  kernels().productRound(factors.data(), factors.size(), a.f(1, "out", 2 * (factors.size() + 1)));
}

void productSumCall(const Args& a) {
  std::vector<Table> factors = factorsOf(a);
  kernels().productSum(factors.data(), factors.size(), a.f(1, "out", 2));
}

// packed: for each pair its four component arrays, lengths[i] entries each.
void innerRoundCall(const Args& a) {
  size_t words, count, at = 0;
  uint64_t* packed = a.words<uint64_t>(a.at[0], "packed", napi_biguint64_array, &words);
  uint32_t* lengths = a.words<uint32_t>(a.at[1], "lengths", napi_uint32_array, &count);
  std::vector<KSpan> spans(2 * count);
  for (size_t i = 0; i < 2 * count; ++i) {
    const size_t n = lengths[i / 2];
    require(n % 2 == 0, "pairs: expected even lengths");
    require(2 * n <= words - at, "packed: too short");
    spans[i] = {packed + at, packed + at + n, n};
    at += 2 * n;
  }
  kernels().innerRound(spans.data(), count, a.f(2, "out", 6));
}

// Argument i: the two components of each of `count` vectors over K.
std::vector<KSpan> spans(const Args& a, size_t i, const char* name, size_t count) {
  std::vector<napi_value> parts = a.list(i, name);
  require(parts.size() == 2 * count, std::string(name) + ": expected " + std::to_string(count) + " vectors");
  std::vector<KSpan> out;
  for (size_t k = 0; k < count; ++k) out.push_back(a.k(parts[2 * k], parts[2 * k + 1], name));
  return out;
}
void requireLengths(const std::vector<KSpan>& spans, const char* name, size_t length) {
  for (const KSpan& s : spans)
    require(s.length == length, std::string(name) + ": expected " + std::to_string(length) + " entries");
}

// A level and the memory that describes it. Arguments 0..3: p and q with undefined, or the sources of leaves with their
// description (see `encode` in src/backend/native.ts); depth; height.
struct LevelArgs {
  Level level{};

  explicit LevelArgs(const Args& a) {
    if (!a.isArray(a.at[1])) {
      std::vector<KSpan> s = spans(a, 0, "level", 2);
      const size_t size = s[0].length;
      require(s[1].length == size && size > 0 && (size & (size - 1)) == 0, "level: expected a power of two");
      level = {size, size, s[0], s[1], nullptr, 0, 0};
      return;
    }
    for (napi_value v : a.list(0, "level")) sources_.push_back(a.source(v, "leaves"));
    words_ = a.words<uint64_t>(a.at[1], "leaves", napi_biguint64_array, &length_);
    const size_t depth = a.size(2, "depth", 48), height = a.size(3, "height", (double)depth);
    ranges_.resize(next((uint64_t)1 << 32));
    size_t end = 0;
    const size_t most = (size_t)1 << depth;
    for (LeafRange& r : ranges_) {
      r.offset = next(most), r.length = next(most);
      require(r.offset >= end && r.offset + r.length <= most, "leaves: ranges out of order");
      end = r.offset + r.length;
      r.p = affine(), r.q = affine();
    }
    // Only now do the terms stay where they are.
    for (LeafRange& r : ranges_)
      for (Affine* form : {&r.p, &r.q}) form->terms = terms_.data() + (size_t)form->terms;
    static const LeafRange none{};
    const size_t size = most >> height;
    const LeafRange* ranges = ranges_.empty() ? &none : ranges_.data();
    level = {size, end < size ? end : size, {}, {}, ranges, ranges_.size(), (unsigned)height};
  }

 private:
  std::vector<Source> sources_;
  std::vector<LeafRange> ranges_;
  std::vector<AffineTerm> terms_;
  uint64_t* words_ = nullptr;
  size_t length_ = 0, at_ = 0;

  uint64_t next(uint64_t most) {
    require(at_ < length_ && words_[at_] <= most, "leaves: bad description");
    return words_[at_++];
  }
  Affine affine() {
    Affine form{{next(~0ull), next(~0ull)}, (const AffineTerm*)terms_.size(), next(1 << 20)};
    for (size_t k = 0; k < form.count; ++k) {
      const uint64_t source = next(sources_.size());
      require(source < sources_.size(), "leaves: bad source");
      const uint64_t at = next((uint64_t)1 << 52);
      terms_.push_back({sources_[source], at, {next(~0ull), next(~0ull)}});
    }
    return form;
  }
};

void fractionLevelCall(const Args& a) {
  LevelArgs from(a);
  std::vector<KSpan> out = spans(a, 4, "out", 2);
  requireLengths(out, "out", from.level.size);
  kernels().fractionLevel(from.level, out[0], out[1]);
}

void fractionUpCall(const Args& a) {
  std::vector<KSpan> level = spans(a, 0, "level", 2), out = spans(a, 1, "out", 2);
  require(level[0].length % 2 == 0, "level: expected an even length");
  requireLengths(level, "level", level[0].length);
  requireLengths(out, "out", level[0].length / 2);
  kernels().fractionUp(level[0], level[1], out[0], out[1]);
}

// Tables u, p1, q0, q1 of `size` entries, p1 and q1 truncated.
std::vector<KSpan> tablesOf(const Args& a, size_t i, size_t size, size_t least) {
  std::vector<KSpan> t = spans(a, i, "tables", 4);
  require(t[0].length == size && t[2].length == size, "tables: expected " + std::to_string(size) + " entries");
  require(t[1].length == t[3].length && t[1].length >= least && t[1].length <= size, "tables: wrong length of p1, q1");
  return t;
}

// Argument i: eqHigh, eqLow, or none; then the result. Tables of `size` entries are left in the round.
struct RoundArgs {
  KSpan high{}, low{};
  uint64_t* out = nullptr;

  RoundArgs(const Args& a, size_t i, size_t size) {
    if (a.list(i, "weights").empty()) return;
    std::vector<KSpan> s = spans(a, i, "weights", 2);
    high = s[0], low = s[1];
    require(low.length > 0 && 2 * high.length * low.length == size, "eqHigh, eqLow: lengths do not multiply to half");
    out = a.f(i + 1, "out", 4);
  }
};

// Arguments 4..8: lambda, bound, tables or undefined, then the round.
void fractionStartCall(const Args& a) {
  LevelArgs from(a);
  size_t words;
  const uint64_t* bound = a.words<uint64_t>(a.at[5], "bound", napi_biguint64_array, &words);
  const size_t half = from.level.size / 2, size = words < 64 ? half >> words / 2 : 0;
  require(words % 2 == 0 && size > 0, "bound: expected fewer elements");
  const size_t right = from.level.used > half ? from.level.used - half : 0;
  std::vector<KSpan> tables;
  if (a.isList(6)) tables = tablesOf(a, 6, size, right < size ? right : size);
  RoundArgs round(a, 7, size);
  kernels().fractionStart(from.level, a.f(4, "lambda", 2), bound, words / 2, tables.empty() ? nullptr : tables.data(),
                          round.high, round.low, round.out);
}

void fractionFoldCall(const Args& a) {
  std::vector<napi_value> parts = a.list(0, "tables");
  require(!parts.empty(), "tables: expected u, p1, q0, q1");
  const size_t size = a.array(parts[0], "tables").length;
  std::vector<KSpan> tables = tablesOf(a, 0, size, 0);
  require(size % 2 == 0, "tables: odd length");
  RoundArgs round(a, 2, size / 2);
  kernels().fractionFold(tables.data(), size, a.f(1, "r", 2), round.high, round.low, round.out);
}

void matmulCall(const Args& a) {
  Source x = a.source(a.at[0], "a"), w = a.source(a.at[1], "w");
  const double most = 1 << 30;
  size_t m = a.size(2, "m", most), n = a.size(3, "n", most), k = a.size(4, "k", most), length;
  if (x.kind > Source::I32 || w.kind > Source::I32) throw Bad{false, "a, w: expected Int16 or Int32 entries"};
  require(x.length == m * k, "a: expected m * k entries");
  require(w.length == n * k, "w: expected n * k entries");
  int64_t* out = a.words<int64_t>(a.at[5], "out", napi_bigint64_array, &length);
  require(length == m * n, "out: expected m * n entries");
  kernels().matmul(x, w, m, n, k, out);
}

// Arguments i, i + 1: entries, and whether they are transposed.
Operand operand(const Args& a, size_t i, const char* name, size_t length) {
  Array entries = a.array(a.at[i], name);
  if (entries.type != napi_int32_array && entries.type != napi_float64_array)
    throw Bad{false, std::string(name) + ": expected Int32 or Float64 entries"};
  require(entries.length == length, std::string(name) + ": expected " + std::to_string(length) + " entries");
  bool transposed = false;
  if (napi_get_value_bool(a.env, a.at[i + 1], &transposed) != napi_ok)
    throw Bad{false, std::string(name) + ": expected a boolean"};
  const bool ints = entries.type == napi_int32_array;
  return {ints ? (const int32_t*)entries.data : nullptr, ints ? nullptr : (const double*)entries.data, transposed};
}

void addProductCall(const Args& a) {
  const double most = 1 << 30;
  size_t m = a.size(5, "m", most), n = a.size(6, "n", most), k = a.size(7, "k", most), length;
  double* out = a.words<double>(a.at[0], "out", napi_float64_array, &length);
  require(length == m * n, "out: expected m * n entries");
  Operand y = operand(a, 1, "y", m * k), x = operand(a, 3, "x", n * k);
  preferHugePages(out, length * 8);
  kernels().addProduct(out, y, x, m, n, k);
}

void rowNormCall(const Args& a) {
  const double most = 1 << 30;
  size_t m = a.size(2, "m", most), k = a.size(3, "k", most), length;
  Operand y = operand(a, 0, "y", m * k);
  double* out = a.words<double>(a.at[4], "out", napi_float64_array, &length);
  require(length == 1, "out: expected 1 entry");
  *out = kernels().rowNorm(y, m, k);
}

void histogramCall(const Args& a) {
  size_t length, buckets;
  int32_t* data = a.words<int32_t>(a.at[0], "data", napi_int32_array, &length);
  double low = 0;
  if (napi_get_value_double(a.env, a.at[1], &low) != napi_ok) throw Bad{false, "low: expected a number"};
  require(low >= -4294967296.0 && low <= 4294967296.0, "low: out of range");
  uint32_t* counts = a.words<uint32_t>(a.at[2], "counts", napi_uint32_array, &buckets);
  size_t bad = histogram(data, length, (int64_t)low, counts, buckets);
  if (bad < length)
    throw Bad{true, "data: entry " + std::to_string(data[bad]) + " at " + std::to_string(bad) + " outside [" +
                        std::to_string((int64_t)low) + ", " + std::to_string((int64_t)low + (int64_t)buckets) + ")"};
}

void grindCall(const Args& a) {
  size_t n;
  uint8_t* seed = a.words<uint8_t>(a.at[0], "seed", napi_uint8_array, &n);
  require(n == 32, "seed: expected 32 bytes");
  unsigned bits = (unsigned)a.size(1, "bits", 48);
  a.f(2, "out", 1)[0] = kernels().grind(seed, bits);
}

template <void (*CALL)(const Args&), size_t COUNT>
napi_value enter(napi_env env, napi_callback_info info) {
  Args a{env, {}};
  napi_get_cb_info(env, info, &a.count, a.at, nullptr, nullptr);
  try {
    if (a.count != COUNT) throw Bad{false, "expected " + std::to_string(COUNT) + " arguments"};
    CALL(a);
  } catch (const Bad& bad) {
    if (bad.range) napi_throw_range_error(env, nullptr, bad.text.c_str());
    else napi_throw_type_error(env, nullptr, bad.text.c_str());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "out of memory");
  }
  return nullptr;
}

template <void (*CALL)(const Args&), size_t COUNT>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value f;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, enter<CALL, COUNT>, nullptr, &f);
  napi_set_named_property(env, exports, name, f);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  define<preferHugePagesCall, 1>(env, exports, "preferHugePages");
  define<commitCall, 7>(env, exports, "commit");
  define<columnsCall, 8>(env, exports, "columns");
  define<combineCall, 7>(env, exports, "combine");
  define<dotCall, 7>(env, exports, "dot");
  define<expandCall, 5>(env, exports, "expand");
  define<axpyCall, 5>(env, exports, "axpy");
  define<addScalarCall, 3>(env, exports, "addScalar");
  define<foldCall, 5>(env, exports, "fold");
  define<productRoundCall, 2>(env, exports, "productRound");
  define<productSumCall, 2>(env, exports, "productSum");
  define<innerRoundCall, 3>(env, exports, "innerRound");
  define<fractionLevelCall, 5>(env, exports, "fractionLevel");
  define<fractionUpCall, 2>(env, exports, "fractionUp");
  define<fractionStartCall, 9>(env, exports, "fractionStart");
  define<fractionFoldCall, 4>(env, exports, "fractionFold");
  define<matmulCall, 6>(env, exports, "matmul");
  define<addProductCall, 8>(env, exports, "addProduct");
  define<rowNormCall, 5>(env, exports, "rowNorm");
  define<histogramCall, 3>(env, exports, "histogram");
  define<grindCall, 3>(env, exports, "grind");
  napi_value name;
  napi_create_string_utf8(env, kernels().name + 4, NAPI_AUTO_LENGTH, &name);
  napi_set_named_property(env, exports, "instructionSet", name);
  return exports;
}
