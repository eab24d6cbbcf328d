// Reading integer data as canonical field elements, zero past its end.
#pragma once
#include <cstring>

#include "field.h"
#include "kernels.h"

namespace PM_ISA {

template <class T>
inline void convert(const T* from, size_t count, u64* to) {
  for (size_t i = 0; i < count; ++i) {
    i64 x = from[i];
    to[i] = (u64)x + ((u64)(x >> 63) & P);
  }
}

inline void readInto(const Source& s, size_t offset, size_t count, u64* to) {
  size_t have = offset >= s.length ? 0 : s.length - offset;
  if (have > count) have = count;
  switch (s.kind) {
    case Source::I16: convert((const int16_t*)s.data + offset, have, to); break;
    case Source::I32: convert((const int32_t*)s.data + offset, have, to); break;
    case Source::I64: convert((const i64*)s.data + offset, have, to); break;
    case Source::U64: std::memcpy(to, (const u64*)s.data + offset, have * 8); break;
  }
  std::memset(to + have, 0, (count - have) * 8);
}

// The entries [offset, offset + count): in place where the source is canonical already, else in scratch.
inline const u64* readBlock(const Source& s, size_t offset, size_t count, u64* scratch) {
  if (s.kind == Source::U64 && offset + count <= s.length) return (const u64*)s.data + offset;
  readInto(s, offset, count, scratch);
  return scratch;
}

// Largest magnitude of the entries; 2^63 and more where field elements are not small integers.
template <class T>
inline u64 maxMagnitude(const T* x, size_t n) {
  T low = 0, high = 0;
  for (size_t i = 0; i < n; ++i) low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
  u64 down = 0 - (u64)(i64)low, up = (u64)(i64)high;
  return down > up ? down : up;
}
inline u64 maxMagnitude(const Source& s, size_t from, size_t to) {
  switch (s.kind) {
    case Source::I16: return maxMagnitude((const int16_t*)s.data + from, to - from);
    case Source::I32: return maxMagnitude((const int32_t*)s.data + from, to - from);
    case Source::I64: return maxMagnitude((const i64*)s.data + from, to - from);
    default: return ~0ull;
  }
}

}  // namespace PM_ISA
