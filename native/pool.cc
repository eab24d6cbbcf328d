#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>

namespace pool {
namespace {

struct Job {
  void (*task)(void*, size_t);
  void* ctx;
  size_t count;
  std::atomic<size_t> next{0};
  std::atomic<bool> outOfMemory{false};
  size_t working = 0;  // workers inside; guarded by Pool::lock

  void work() {
    for (size_t i; (i = next.fetch_add(1)) < count;) {
      try {
        task(ctx, i);
      } catch (const std::bad_alloc&) {
        outOfMemory = true;
      }
    }
  }
};

struct Pool {
  std::mutex lock;  // guards job, round
  std::condition_variable wake, idle;
  Job* job = nullptr;
  size_t round = 0;
  std::mutex caller;  // held by the thread whose job runs
};

thread_local bool busy = false;

size_t configured() {
  const char* text = std::getenv("PROOFMARK_THREADS");
  long n = text ? std::atol(text) : (long)std::thread::hardware_concurrency();
  return n < 1 ? 1 : n > 256 ? 256 : (size_t)n;
}

void worker(Pool* p) {
  busy = true;
  size_t seen = 0;
  std::unique_lock<std::mutex> hold(p->lock);
  for (;;) {
    p->wake.wait(hold, [&] { return p->job && p->round != seen; });
    seen = p->round;
    Job* job = p->job;
    ++job->working;
    hold.unlock();
    job->work();
    hold.lock();
    if (--job->working == 0) p->idle.notify_one();
  }
}

// Never destroyed: workers may outlive static destruction at exit.
Pool* instance() {
  static Pool* p = [] {
    Pool* fresh = new Pool;
    for (size_t i = 1; i < threads(); ++i) std::thread(worker, fresh).detach();
    return fresh;
  }();
  return p;
}

}  // namespace

size_t threads() {
  static size_t n = configured();
  return n;
}

void run(size_t count, void (*task)(void*, size_t), void* ctx) {
  Pool* p = busy || threads() == 1 || count <= 1 ? nullptr : instance();
  if (!p || !p->caller.try_lock()) {
    for (size_t i = 0; i < count; ++i) task(ctx, i);
    return;
  }
  Job job{task, ctx, count};
  {
    std::lock_guard<std::mutex> hold(p->lock);
    p->job = &job;
    ++p->round;
  }
  p->wake.notify_all();
  busy = true;
  job.work();
  busy = false;
  {
    std::unique_lock<std::mutex> hold(p->lock);
    p->job = nullptr;
    p->idle.wait(hold, [&] { return job.working == 0; });
  }
  p->caller.unlock();
  if (job.outOfMemory) throw std::bad_alloc();
}

}  // namespace pool
