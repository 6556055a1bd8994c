// The schedules of block attention in device memory, kept from call to call.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "kernels/cuda/attention/plan.h"
#include "kernels/cuda/runtime/context.h"
#include "kernels/cuda/runtime/recently_used.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

/// Both sides of a pattern for some kernels. One object serves all sequences and batches.
class AttentionSchedules {
 public:
  /// Copies on the stream, and returns when host memory is no longer read.
  AttentionSchedules(MemoryPool& pool, cudaStream_t stream, const Schedule& rows,
                     const Schedule& columns);

  const ScheduleView& rows() const { return rows_; }
  const ScheduleView& columns() const { return columns_; }

 private:
  PoolBuffer<std::byte> memory_;
  ScheduleView rows_{}, columns_{};
};

/// Compiles schedules, and keeps those of patterns with an id. Not thread-safe.
class PatternSchedules {
 public:
  /// Reads DNABIRD_CUDA_ATTENTION (asked_attention_kernels). The pool must outlive this object.
  explicit PatternSchedules(MemoryPool& pool);

  /// The kernels that the environment asks for.
  std::optional<AttentionKernels> asked() const { return asked_; }

  /// The schedules of a pattern, compiled now if they are not there. The caller holds them until
  /// its last launch with them, on the same stream always; memory that is released then is reused
  /// later on the stream. A graph that is being captured keeps them too. Throws what
  /// compile_schedule throws; CannotCapture if a graph would have to compile them.
  std::shared_ptr<const AttentionSchedules> get(const Context& context,
                                                const BlockPatternView& pattern,
                                                AttentionKernels kernels);

 private:
  using Key = std::pair<std::int64_t, AttentionKernels>;  // id of the pattern

  MemoryPool& pool_;
  std::optional<AttentionKernels> asked_;
  RecentlyUsed<Key, std::shared_ptr<const AttentionSchedules>> kept_;
};

}  // namespace dnabird::kernels::cuda
