// Scratch memory of one kernel call, aligned to cache lines.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace PM_ISA {

template <class T>
class Buffer {
 public:
  explicit Buffer(size_t count) : data_((T*)std::aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64)) {
    if (!data_) throw std::bad_alloc();
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  operator T*() const { return data_; }
  T* get() const { return data_; }
  Buffer& zero(size_t count) {
    std::memset((void*)data_, 0, count * sizeof(T));
    return *this;
  }

 private:
  T* data_;
};

}  // namespace PM_ISA
