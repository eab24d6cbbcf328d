// BLAKE3 of one message of any length: chunks of 1024 bytes under a tree whose left subtrees are full.
#include "blake3.h"

namespace PM_ISA {

namespace {

constexpr u32 word(const char* text, size_t length, size_t at) {
  u32 w = 0;
  for (size_t i = 0; i < 4; ++i)
    if (at + i < length) w |= (u32)(u8)text[at + i] << (8 * i);
  return w;
}
constexpr char LEAF[] = "proofmark/merkle/leaf", NODE[] = "proofmark/merkle/node";
#define PM_KEY(T)                                                                                           \
  {word(T, sizeof T - 1, 0),  word(T, sizeof T - 1, 4),  word(T, sizeof T - 1, 8),  word(T, sizeof T - 1, 12), \
   word(T, sizeof T - 1, 16), word(T, sizeof T - 1, 20), word(T, sizeof T - 1, 24), word(T, sizeof T - 1, 28)}

void chunk(const u32* key, const u8* message, size_t length, u64 index, u32 last, u32* h) {
  std::memcpy(h, key, 32);
  size_t done = 0;
  do {
    size_t part = length - done < BLOCK ? length - done : BLOCK;
    u32 m[16] = {};
    std::memcpy(m, message + done, part);
    bool end = done + part == length;
    compress(h, m, index, (u32)part, KEYED | (done == 0 ? CHUNK_START : 0) | (end ? CHUNK_END | last : 0));
    done += part;
  } while (done < length);
}

void subtree(const u32* key, const u8* message, size_t length, u64 index, u32 last, u32* h) {
  if (length <= CHUNK) return chunk(key, message, length, index, last, h);
  size_t left = CHUNK;
  while (2 * left < length) left *= 2;
  u32 m[16];
  subtree(key, message, left, index, 0, m);
  subtree(key, message + left, length - left, index + left / CHUNK, 0, m + 8);
  std::memcpy(h, key, 32);
  compress(h, m, 0, BLOCK, KEYED | PARENT | last);
}

}  // namespace

const u32 LEAF_KEY[8] = PM_KEY(LEAF), NODE_KEY[8] = PM_KEY(NODE);

void hashMessage(const u32* key, const u8* message, size_t length, u32* h) {
  subtree(key, message, length, 0, ROOT, h);
}

}  // namespace PM_ISA
