// The Gaussian error linear unit and its slope, of a float in device code.
#pragma once

#include <cuda_runtime.h>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

inline constexpr float kGeluCubic = 0.044715f;
inline constexpr float kSqrtTwoOverPi = 0.79788456080286536f;

/// 0.5 (1 + tanh(c (x + a x^3))) = 1 / (1 + exp(-2 c (x + a x^3))): exact to the last bits where
/// 1 + tanh cancels.
__device__ __forceinline__ float tanh_gate(float x) {
  const float inner = x * (1.0f + kGeluCubic * (x * x));
  return __fdividef(1.0f, 1.0f + expf(-2.0f * kSqrtTwoOverPi * inner));
}
/// The distribution function of the standard normal.
__device__ __forceinline__ float normal_distribution(float x) {
  return 0.5f * (1.0f + erff(x * 0.70710678118654752f));
}

template <Gelu kKind>
__device__ __forceinline__ float gelu(float x) {
  return x * (kKind == Gelu::tanh ? tanh_gate(x) : normal_distribution(x));
}

template <Gelu kKind>
__device__ __forceinline__ float gelu_slope(float x) {
  if constexpr (kKind == Gelu::tanh) {
    const float gate = tanh_gate(x);
    const float inner_slope = 2.0f * kSqrtTwoOverPi * (1.0f + 3.0f * kGeluCubic * (x * x));
    return gate + x * inner_slope * (gate * (1.0f - gate));
  } else {
    return normal_distribution(x) + 0.5f * kSqrtTwoOverPi * x * expf(-0.5f * x * x);
  }
}

}  // namespace dnabird::kernels::cuda
