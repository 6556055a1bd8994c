// Elements of activations in device code: float, or Bf16, which is computed with in float.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "kernels/bf16.h"

namespace dnabird::kernels::cuda {

__device__ __forceinline__ float load(float x) { return x; }
__device__ __forceinline__ float load(Bf16 x) {
  return __uint_as_float(static_cast<std::uint32_t>(x.bits) << 16U);
}

__device__ __forceinline__ void store(float& to, float value) { to = value; }
/// The nearest, of two as near the even one.
__device__ __forceinline__ void store(Bf16& to, float value) {
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

/// Four elements at once: 16 bytes of floats, 8 of Bf16; the address must be aligned to that.
template <class T>
struct alignas(4 * sizeof(T)) Four {
  T element[4];
};

/// Sum over the lanes of a warp, in a fixed order, in every lane.
template <class Number>
__device__ __forceinline__ Number warp_sum(Number x) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) x += __shfl_xor_sync(0xFFFFFFFFU, x, mask);
  return x;
}

}  // namespace dnabird::kernels::cuda
