// One row's coefficients reduced mod X^N - g^N, N = 2^logRow: the input of its transform on the coset g <w_N>.
#pragma once
#include "kernels.h"
#include "source.h"

namespace PM_ISA {

// powerN = g^N. Coefficient N + t of the tail is worth powerN^(1 + t / N) at t mod N.
inline void loadRow(const Rows& m, size_t row, u64 powerN, u64* to) {
  const size_t N = (size_t)1 << m.logRow;
  readInto(m.data, row * N, N, to);
  const u64* tail = m.tail + row * m.tailLength;
  Scalar factor{powerN};
  for (size_t start = 0; start < m.tailLength; start += N, factor = mul(factor, Scalar{powerN})) {
    size_t count = m.tailLength - start < N ? m.tailLength - start : N;
    lanes(0, count, [&](auto v, size_t j) {
      using V = decltype(v);
      add(V::load(to + j), mul(V::load(tail + start + j), V::set(factor.v))).store(to + j);
    });
  }
}

}  // namespace PM_ISA
