// Layer norm of rows of any length: a thread block reads its row again for every pass, mostly from
// its cache.
#pragma once

#include "kernels/cuda/ops/layer_norm_rows.cuh"

namespace dnabird::kernels::cuda {

inline constexpr int kLongNormThreads = 256;

template <class T>
__global__ void __launch_bounds__(kLongNormThreads)
    layer_norm_long_forward_kernel(const LayerNormRows a) {
  constexpr int kWarps = kLongNormThreads / 32;
  const std::int64_t r = blockIdx.x;
  const int n = a.channels, first = static_cast<int>(threadIdx.x);
  const T* x = static_cast<const T*>(a.x) + r * n;
  const T* residual = a.residual ? static_cast<const T*>(a.residual) + r * n : nullptr;
  const auto sum_at = [x, residual](int c) {
    return residual ? load(x[c]) + load(residual[c]) : load(x[c]);
  };
  float total = 0;
  for (int c = first; c < n; c += kLongNormThreads) total += sum_at(c);
  const float mean = block_sum<kWarps>(total) / static_cast<float>(n);
  float squares = 0;
  for (int c = first; c < n; c += kLongNormThreads) {
    const float d = sum_at(c) - mean;
    squares += d * d;
  }
  const float variance = block_sum<kWarps>(squares) / static_cast<float>(n);
  const float rstd = 1.0f / sqrtf(variance + a.epsilon);
  // A thread writes where only it has read: x may lie where y or the sum goes.
  for (int c = first; c < n; c += kLongNormThreads) {
    const float s = sum_at(c);
    if (a.sum) store(static_cast<T*>(a.sum)[r * n + c], s);
    store(static_cast<T*>(a.y)[r * n + c], (s - mean) * rstd * a.gamma[c] + a.beta[c]);
  }
  if (first == 0) {
    a.mean[r] = mean;
    a.rstd[r] = rstd;
  }
}

template <class T>
__global__ void __launch_bounds__(kLongNormThreads)
    layer_norm_long_backward_kernel(const LayerNormGradRows a) {
  constexpr int kWarps = kLongNormThreads / 32;
  const int n = a.channels, first = static_cast<int>(threadIdx.x);
  float* const part = a.parts ? a.parts + std::int64_t{blockIdx.x} * 2 * n : nullptr;
  for (std::int64_t r = blockIdx.x; r < a.rows; r += gridDim.x) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    const T* dy = static_cast<const T*>(a.dy) + r * n;
    const float mean = a.mean[r], rstd = a.rstd[r];
    const bool is_first = r == blockIdx.x;
    float sum_g = 0, sum_gx = 0;
    for (int c = first; c < n; c += kLongNormThreads) {
      const float x_hat = (load(x[c]) - mean) * rstd, d = load(dy[c]), g = d * a.gamma[c];
      sum_g += g;
      sum_gx += g * x_hat;
      if (part) {
        part[c] = (is_first ? 0.0f : part[c]) + d * x_hat;
        part[n + c] = (is_first ? 0.0f : part[n + c]) + d;
      }
    }
    if (!a.dx) continue;
    const float mean_g = block_sum<kWarps>(sum_g) / static_cast<float>(n);
    const float mean_gx = block_sum<kWarps>(sum_gx) / static_cast<float>(n);
    for (int c = first; c < n; c += kLongNormThreads) {
      const float x_hat = (load(x[c]) - mean) * rstd, g = load(dy[c]) * a.gamma[c];
      store(static_cast<T*>(a.dx)[r * n + c], rstd * (g - mean_g - x_hat * mean_gx));
    }
  }
}

}  // namespace dnabird::kernels::cuda
