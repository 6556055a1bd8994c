// Reductions over the threads of a warp or of some warps, in a fixed order, in every thread.
#pragma once

#include "kernels/cuda/ops/elements.cuh"

namespace dnabird::kernels::cuda {

/// Of all kWarps warps of a thread block, or, for 1, of a warp of any thread block. `of_warp` is
/// the same for every lane of a warp.
template <int kWarps, class Number, class Combine>
__device__ __forceinline__ Number combine_warps(Number of_warp, const Combine& combine) {
  if constexpr (kWarps == 1) {
    return of_warp;
  } else {
    __shared__ Number all[kWarps];
    __syncthreads();  // what was combined before has been read
    if (threadIdx.x % 32 == 0) all[threadIdx.x / 32] = of_warp;
    __syncthreads();
    Number total = all[0];
#pragma unroll
    for (int w = 1; w < kWarps; ++w) total = combine(total, all[w]);
    return total;
  }
}

struct Sum {
  template <class Number>
  __device__ __forceinline__ Number operator()(Number a, Number b) const {
    return a + b;
  }
};
struct Maximum {
  __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

template <int kWarps, class Number>
__device__ __forceinline__ Number block_sum(Number x) {
  return combine_warps<kWarps>(warp_sum(x), Sum());
}
template <int kWarps>
__device__ __forceinline__ float block_maximum(float x) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, mask));
  return combine_warps<kWarps>(x, Maximum());
}

}  // namespace dnabird::kernels::cuda
