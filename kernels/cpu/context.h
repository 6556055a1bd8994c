// What the ops of the CPU share: the tier, the number of threads, memory for scratch.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/tier.h"
#include "kernels/memory_pool.h"
#include "kernels/typed.h"

namespace dnabird::kernels::cpu {

class OneDnnProducts;
class PackedWeights;

struct Context {
  const Tier& tier;
  int threads;
  MemoryPool& pool;
  OneDnnProducts* onednn;  // null: linear layers use the products of the tier
  PackedWeights* weights;  // of the products of oneDNN
};

/// Calls run(task, thread) for every task in [0, tasks). Which thread takes a task is left to
/// chance, so that a task must write what no other task touches.
template <class Run>
void for_each_task(const Context& context, std::int64_t tasks, const Run& run) {
  if (context.threads == 1 || tasks <= 1) {
    for (std::int64_t task = 0; task < tasks; ++task) run(task, 0);
    return;
  }
#pragma omp parallel for num_threads(context.threads) schedule(dynamic, 1)
  for (std::int64_t task = 0; task < tasks; ++task) run(task, omp_get_thread_num());
}

/// Calls run(begin, end) for pieces of `piece` elements of [0, n): how an array is cut does not
/// depend on the number of threads. Few pieces stay on the caller's thread.
template <class Run>
void for_each_piece(const Context& context, std::int64_t n, std::int64_t piece, const Run& run) {
  for_each_task(context, (n + piece - 1) / piece, [&](std::int64_t task, int) {
    run(task * piece, std::min(n, (task + 1) * piece));
  });
}

constexpr std::int64_t round_up(std::int64_t n, std::int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

/// Elements of a piece of a cheap elementwise op: well above the cost of starting a task.
constexpr std::int64_t kPiece = 1 << 14;

inline const float* floats(const void* memory) { return static_cast<const float*>(memory); }
inline float* floats(void* memory) { return static_cast<float*>(memory); }

}  // namespace dnabird::kernels::cpu
