// BLAKE3 (from its specification), keyed or not, on one message or on LANES messages of one length side by side.
#pragma once
#include <cstring>

#include "field.h"

namespace PM_ISA {

#if defined(__AVX512F__)
constexpr size_t LANES = 16;
#elif defined(__AVX2__)
constexpr size_t LANES = 8;
#else
constexpr size_t LANES = 4;
#endif
typedef u32 U32V __attribute__((vector_size(4 * LANES)));

enum : u32 { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8, KEYED = 16 };
constexpr size_t BLOCK = 64, CHUNK = 1024;

constexpr u32 IV[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

struct Schedule {
  u8 at[7][16];
};
constexpr Schedule makeSchedule() {
  constexpr u8 permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  Schedule s{};
  for (u8 i = 0; i < 16; ++i) s.at[0][i] = i;
  for (int r = 1; r < 7; ++r)
    for (int i = 0; i < 16; ++i) s.at[r][i] = s.at[r - 1][permutation[i]];
  return s;
}
constexpr Schedule SCHEDULE = makeSchedule();

template <int R, class U>
inline U rotr(U x) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (sizeof(U) == 32 && (R == 16 || R == 8)) {
    const __m256i by16 = _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14, 9, 8, 11,
                                         10, 5, 4, 7, 6, 1, 0, 3, 2);
    const __m256i by8 = _mm256_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14, 13, 8, 11, 10,
                                        9, 4, 7, 6, 5, 0, 3, 2, 1);
    return (U)_mm256_shuffle_epi8((__m256i)x, R == 16 ? by16 : by8);
  }
#endif
  return (x >> R) | (x << (32 - R));
}

template <class U>
inline void quarter(U& a, U& b, U& c, U& d, U x, U y) {
  a += b + x, d = rotr<16>(d ^ a), c += d, b = rotr<12>(b ^ c);
  a += b + y, d = rotr<8>(d ^ a), c += d, b = rotr<7>(b ^ c);
}

template <int R, class U>
inline void rounds(U (&v)[16], const U* m) {
  constexpr const u8* s = SCHEDULE.at[R];
  quarter(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  quarter(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  quarter(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  quarter(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  quarter(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  quarter(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  quarter(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  quarter(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
  if constexpr (R < 6) rounds<R + 1>(v, m);
}

// h <- the first 8 words of the compression of block m (16 words, `length` bytes of them used).
template <class U>
inline void compress(U* h, const U* m, u64 counter, u32 length, u32 flags) {
  U z = m[0] ^ m[0];
  U v[16] = {h[0],      h[1],      h[2],      h[3],      h[4],             h[5],                   h[6],       h[7],
             z + IV[0], z + IV[1], z + IV[2], z + IV[3], z + (u32)counter, z + (u32)(counter >> 32), z + length, z + flags};
  rounds<0>(v, m);
  for (int i = 0; i < 8; ++i) h[i] = v[i] ^ v[i + 8];
}

// Word `w` of LANES messages that lie `stride` bytes apart.
inline U32V gatherWord(const u8* base, size_t stride) {
  alignas(64) u32 x[LANES];
  for (size_t l = 0; l < LANES; ++l) std::memcpy(x + l, base + l * stride, 4);
  U32V out;
  std::memcpy(&out, x, sizeof out);
  return out;
}

inline void broadcastKey(const u32* key, U32V* h) {
  for (int i = 0; i < 8; ++i) h[i] = U32V{} + key[i];
}

// Flags of block `b` of `blocks` in a keyed message of one chunk.
inline u32 chunkFlags(size_t b, size_t blocks) {
  return KEYED | (b == 0 ? CHUNK_START : 0) | (b + 1 == blocks ? CHUNK_END | ROOT : 0);
}

// Stores the first 26 bytes of lane l of h, and 6 zero bytes, at out + l * stride, for l < count; a stride other
// than 32 gets the 26 bytes only.
inline void storeDigests(const U32V* h, size_t count, u8* out, size_t stride) {
  alignas(64) u32 x[8][LANES];
  std::memcpy(x, h, sizeof x);
  for (size_t l = 0; l < count; ++l) {
    u32 d[8] = {x[0][l], x[1][l], x[2][l], x[3][l], x[4][l], x[5][l], x[6][l] & 0xffff, 0};
    std::memcpy(out + l * stride, d, stride == 32 ? 32 : 26);
  }
}

// The keyed hash of one message of any length; digest words in h.
void hashMessage(const u32* key, const u8* message, size_t length, u32* h);

extern const u32 LEAF_KEY[8], NODE_KEY[8];

}  // namespace PM_ISA
