// Proof of work: LANES nonces at a time, ranges over the pool, until a range holds a hit.
#include <atomic>

#include "blake3.h"
#include "kernels.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr size_t RANGE = 4096;  // nonces of one task

// First nonce of [from, from + RANGE) with a hash below the bound, or from + RANGE.
u64 search(const u8* seed, u64 from, unsigned bits) {
  u32 s[8];
  std::memcpy(s, seed, 32);
  for (u64 nonce = from; nonce < from + RANGE; nonce += LANES) {
    U32V m[16] = {}, h[8];
    for (int i = 0; i < 8; ++i) m[i] += s[i], h[i] = U32V{} + IV[i];
    for (size_t l = 0; l < LANES; ++l) m[8][l] = (u32)(nonce + l), m[9][l] = (u32)((nonce + l) >> 32);
    compress(h, m, 0, 40, CHUNK_START | CHUNK_END | ROOT);
    for (size_t l = 0; l < LANES; ++l) {
      u64 value = (u64)h[1][l] << 32 | h[0][l];
      if (bits == 0 || value >> (64 - bits) == 0) return nonce + l;
    }
  }
  return from + RANGE;
}

}  // namespace

u64 grind(const u8* seed, unsigned bits) {
  const size_t ranges = bits < 12 ? 1 : 4 * pool::threads();
  for (u64 start = 0;; start += ranges * RANGE) {
    std::atomic<u64> best{~0ull};
    parallel(ranges, [&](size_t t) {
      u64 from = start + t * RANGE;
      if (from >= best.load()) return;
      u64 hit = search(seed, from, bits);
      if (hit == from + RANGE) return;
      for (u64 b = best.load(); hit < b && !best.compare_exchange_weak(b, hit);) {
      }
    });
    if (best.load() != ~0ull) return best.load();
  }
}

}  // namespace PM_ISA
