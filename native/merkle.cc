#include "merkle.h"

#include "blake3.h"
#include "pool.h"

namespace PM_ISA {

namespace {

constexpr u32 NODE_BYTES = 52;

// left (words 0..6, 2 bytes of the last) || right: the right digest starts in the middle of word 6.
template <class U>
inline void joinWords(const U* left, const U* right, U* m) {
  for (int i = 0; i < 6; ++i) m[i] = left[i];
  m[6] = left[6] | right[0] << 16;
  for (int i = 0; i < 6; ++i) m[7 + i] = right[i] >> 16 | right[i + 1] << 16;
  for (int i = 13; i < 16; ++i) m[i] = m[0] ^ m[0];
}

void hashNodes(const u8* children, size_t begin, size_t end, u8* parents) {
  size_t k = begin;
  for (; k + LANES <= end; k += LANES) {
    U32V left[7], right[7], m[16], h[8];
    for (size_t i = 0; i < 7; ++i) {
      left[i] = gatherWord(children + k * 64 + 4 * i, 64);
      right[i] = gatherWord(children + k * 64 + 32 + 4 * i, 64);
    }
    joinWords(left, right, m);
    broadcastKey(NODE_KEY, h);
    compress(h, m, 0, NODE_BYTES, chunkFlags(0, 1));
    storeDigests(h, LANES, parents + k * 32, 32);
  }
  for (; k < end; ++k) {
    u32 pair[16], m[16], h[8];
    std::memcpy(pair, children + k * 64, 64);
    joinWords(pair, pair + 8, m);
    std::memcpy(h, NODE_KEY, 32);
    compress(h, m, 0, NODE_BYTES, chunkFlags(0, 1));
    h[6] &= 0xffff, h[7] = 0;
    std::memcpy(parents + k * 32, h, 32);
  }
}

}  // namespace

void hashTree(size_t leaves, u8* tree) {
  for (size_t n = leaves; n > 1; n /= 2) {
    u8* parents = tree + n * 32;
    parallelRanges(n / 2, 2048, [&](size_t begin, size_t end) { hashNodes(tree, begin, end, parents); });
    tree = parents;
  }
}

}  // namespace PM_ISA
