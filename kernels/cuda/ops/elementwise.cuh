// Ops on every element of some arrays of one length.
#pragma once

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ops/packs.cuh"
#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

inline constexpr int kElementwiseThreads = 256;

template <int kWidth, class Op>
__global__ void __launch_bounds__(kElementwiseThreads)
    elementwise_kernel(std::int64_t n, const Op op) {
  std::int64_t i = (std::int64_t{blockIdx.x} * kElementwiseThreads + threadIdx.x) * kWidth;
  if (i + kWidth <= n) {
    op.template run<kWidth>(i);
  } else {
    for (; i < n; ++i) op.template run<1>(i);
  }
}

/// op.run<width>(i) for the elements [i, i + width), `width` a multiple of 4 at a time if `aligned`
/// (all arrays to 16 bytes), else 1. What an element becomes must not depend on the width.
template <int kWidth, class Op>
void for_each_element(const Context& context, std::int64_t n, bool aligned, const Op& op) {
  const auto blocks = [n](int width) {
    const std::int64_t of_block = std::int64_t{kElementwiseThreads} * width;
    return (n + of_block - 1) / of_block;
  };
  if (aligned) {
    launch(elementwise_kernel<kWidth, Op>, {blocks(kWidth), kElementwiseThreads, 0}, context.stream,
           n, op);
  } else {
    launch(elementwise_kernel<1, Op>, {blocks(1), kElementwiseThreads, 0}, context.stream, n, op);
  }
}

}  // namespace dnabird::kernels::cuda
