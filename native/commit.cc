// Reed-Solomon commitment, streamed: a task encodes one coset of one group of 128 rows, 8 rows (one BLAKE3 block) at a
// time, and keeps only a chaining value per column.
#include "blake3.h"
#include "encode.h"
#include "merkle.h"
#include "ntt.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t GROUP = 128, STEP = 8, DIGEST = 26;

// Deinterleaves words 2r and 2r + 1 of LANES columns from row r.
inline void loadWords(const u64* row, U32V& low, U32V& high) {
  U32V x, y, even, odd;
  std::memcpy(&x, row, sizeof x);
  std::memcpy(&y, row + LANES / 2, sizeof y);
  for (size_t i = 0; i < LANES; ++i) even[i] = 2 * i, odd[i] = 2 * i + 1;
  low = __builtin_shuffle(x, y, even);
  high = __builtin_shuffle(x, y, odd);
}

// One block (`count` <= 8 rows of `stride` columns) into the chaining values of columns [begin, end), both multiples of
// LANES; the values of LANES columns lie word by word.
void absorb(const u64* rows, size_t count, size_t stride, size_t begin, size_t end, u32 flags, bool first, u32* chain) {
  for (size_t c = begin; c < end; c += LANES) {
    U32V m[16] = {}, h[8];
    for (size_t r = 0; r < count; ++r) loadWords(rows + r * stride + c, m[2 * r], m[2 * r + 1]);
    if (first) broadcastKey(LEAF_KEY, h);
    else std::memcpy(h, chain + 8 * c, sizeof h);
    compress(h, m, 0, (u32)(8 * count), flags);
    std::memcpy(chain + 8 * c, h, sizeof h);
  }
}

struct Commitment {
  const Rows& m;
  const size_t N, groups;
  const u64* roots;

  // The digests of `group` on the coset g <w_N>: column k's at out + k * stride.
  void hashGroup(u64 g, size_t group, u8* out, size_t stride) const {
    const size_t padded = N < LANES ? LANES : N;
    const size_t begin = group * GROUP, end = begin + GROUP < m.rows ? begin + GROUP : m.rows;
    const size_t blocks = (end - begin + STEP - 1) / STEP;
    Buffer<u64> rows(STEP * padded);
    Buffer<u32> chain(8 * padded);
    if (N < padded) rows.zero(STEP * padded);
    const CosetTransform transform(m.logRow, roots, g);
    const u64 powerN = powF(g, N);
    for (size_t b = 0; b < blocks; ++b) {
      const size_t row = begin + b * STEP, count = end - row < STEP ? end - row : STEP;
      parallel(count, [&](size_t r) {
        loadRow(m, row + r, powerN, rows + r * padded);
        transform.run(rows + r * padded);
      });
      parallelRanges(padded, 1024, [&](size_t from, size_t to) {
        absorb(rows, count, padded, from, to, chunkFlags(b, blocks), b == 0, chain);
      });
    }
    for (size_t c = 0; c < N; c += LANES)
      storeDigests((const U32V*)(chain + 8 * c), N - c < LANES ? N - c : LANES, out + c * stride, stride);
  }
};

// Leaves of the columns whose group digests lie at messages, `stride` bytes a column (zero past `length`).
void hashMessages(const u8* messages, size_t stride, size_t length, size_t begin, size_t end, u8* leaves) {
  size_t c = begin;
  if (length <= CHUNK) {
    const size_t blocks = (length + BLOCK - 1) / BLOCK;
    for (; c + LANES <= end; c += LANES) {
      U32V h[8], w[16];
      broadcastKey(LEAF_KEY, h);
      for (size_t b = 0; b < blocks; ++b) {
        for (size_t i = 0; i < 16; ++i) w[i] = gatherWord(messages + c * stride + b * BLOCK + 4 * i, stride);
        size_t left = length - b * BLOCK;
        compress(h, w, 0, (u32)(left < BLOCK ? left : BLOCK), chunkFlags(b, blocks));
      }
      storeDigests(h, LANES, leaves + c * 32, 32);
    }
  }
  for (; c < end; ++c) {
    u32 h[8];
    hashMessage(LEAF_KEY, messages + c * stride, length, h);
    h[6] &= 0xffff, h[7] = 0;
    std::memcpy(leaves + c * 32, h, 32);
  }
}

// parallel() where the tasks can fill the pool, else one after the other with the threads inside each.
template <class Body>
void outer(size_t count, Body&& body) {
  if (count >= pool::threads()) return parallel(count, body);
  for (size_t i = 0; i < count; ++i) body(i);
}

}  // namespace

void commit(const Rows& m, unsigned logDomain, u8* tree) {
  const size_t N = (size_t)1 << m.logRow, cosets = (size_t)1 << (logDomain - m.logRow);
  const size_t groups = (m.rows + GROUP - 1) / GROUP;
  Buffer<u64> roots(N);
  bitReversedRoots(m.logRow, roots);
  const Commitment c{m, N, groups, roots};
  const u64 w = rootOfUnity(logDomain);
  if (groups == 1) {
    outer(cosets, [&](size_t k) { c.hashGroup(powF(w, k), 0, tree + k * N * 32, 32); });
  } else {
    // Cosets in waves wide enough for the pool: the memory for group digests stays small.
    const size_t length = groups * DIGEST, stride = (length + BLOCK - 1) / BLOCK * BLOCK;
    size_t wave = (2 * pool::threads() + groups - 1) / groups;
    if (wave > cosets) wave = cosets;
    Buffer<u8> messages(wave * N * stride);
    messages.zero(wave * N * stride);
    for (size_t first = 0; first < cosets; first += wave) {
      const size_t count = cosets - first < wave ? cosets - first : wave;
      outer(count * groups, [&](size_t t) {
        size_t k = t / groups, g = t % groups;
        c.hashGroup(powF(w, first + k), g, messages + k * N * stride + g * DIGEST, stride);
      });
      parallelRanges(count * N, 512, [&](size_t begin, size_t end) {
        hashMessages(messages, stride, length, begin, end, tree + first * N * 32);
      });
    }
  }
  hashTree((size_t)1 << logDomain, tree);
}

}  // namespace PM_ISA
