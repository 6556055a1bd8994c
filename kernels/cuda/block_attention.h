// Block attention on a device, from the arguments of the kernel set to launches.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/attention_plan.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// The schedules of both sides of a pattern in device memory, for the kernels that will read them.
/// One object serves all sequences, batches and steps with that pattern.
class AttentionSchedules {
 public:
  /// `pattern` lies in host memory. Throws std::invalid_argument as compile_schedule does, and
  /// std::bad_alloc if the device's memory does not hold it.
  AttentionSchedules(const BlockPatternView& pattern, AttentionKernels kernels);
  ~AttentionSchedules();
  AttentionSchedules(const AttentionSchedules&) = delete;
  AttentionSchedules& operator=(const AttentionSchedules&) = delete;

  AttentionKernels kernels() const { return kernels_; }
  const ScheduleView& rows() const { return rows_; }
  const ScheduleView& columns() const { return columns_; }
  AttentionSlots slots() const { return {rows_.slots, columns_.slots}; }

 private:
  ScheduleView place(const Schedule& schedule, std::int64_t pattern_heads);

  AttentionKernels kernels_;
  char* memory_ = nullptr;
  std::int64_t used_ = 0;
  ScheduleView rows_{}, columns_{};
};

/// Device memory that a call may use: partial results (forward_partial_bytes or
/// backward_partial_bytes), and delta (B,H,T) floats in backward.
struct AttentionRoom {
  float* partials;
  float* delta;
};

/// Launches on `stream`. All arrays of `args` but the pattern's lie in device memory; log_sum_exp
/// is f32. The scale must be positive (std::invalid_argument).
void block_attention_forward(const BlockAttentionArgs& args, ElementType type,
                             const AttentionSchedules& schedules, const AttentionRoom& room,
                             cudaStream_t stream);
void block_attention_backward(const BlockAttentionGrad& args, ElementType type,
                              const AttentionSchedules& schedules, const AttentionRoom& room,
                              cudaStream_t stream);

}  // namespace dnabird::kernels::cuda
