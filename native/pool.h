// A pool of threads for the calling thread to share its loops with. Calls are synchronous; a call from inside a task,
// or while another thread of the process uses the pool, runs its tasks in the caller.
#pragma once
#include <cstddef>

namespace pool {

size_t threads();
// Runs task(ctx, 0) .. task(ctx, count - 1) in any order; returns when all are done. A std::bad_alloc thrown by a task
// is thrown again here.
void run(size_t count, void (*task)(void* ctx, size_t index), void* ctx);

}  // namespace pool

// Internal linkage: the same source is compiled for several instruction sets, whose copies must never be merged.
namespace {

template <class Body>
void parallel(size_t count, Body&& body) {
  if (count == 1) return body(0);
  auto call = [](void* ctx, size_t index) { (*static_cast<decltype(&body)>(ctx))(index); };
  pool::run(count, call, (void*)&body);
}

// Splits [0, n) into ranges of about `grain` or more, multiples of 64 but for the last: body(begin, end).
template <class Body>
void parallelRanges(size_t n, size_t grain, Body&& body) {
  size_t parts = n / (grain ? grain : 1), most = 4 * pool::threads();
  if (parts > most) parts = most;
  if (parts <= 1) return body((size_t)0, n);
  size_t step = ((n + parts - 1) / parts + 63) / 64 * 64;
  parallel((n + step - 1) / step, [&](size_t t) {
    size_t begin = t * step, end = begin + step < n ? begin + step : n;
    body(begin, end);
  });
}

}  // namespace
