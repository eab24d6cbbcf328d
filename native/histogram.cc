#include "kernels.h"

size_t histogram(const int32_t* data, size_t length, int64_t low, uint32_t* counts, size_t buckets) {
  for (size_t i = 0; i < length; ++i) {
    uint64_t at = (uint64_t)((int64_t)data[i] - low);
    if (at >= buckets) return i;
    ++counts[at];
  }
  return length;
}
