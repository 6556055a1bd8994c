// Layer norm and softmax rows of a tier.
#pragma once

#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/tier.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// Each pass adds the residual again: a row stays in the first cache, and x may lie where y or the
/// sum goes.
template <class T>
void layer_norm_forward(const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  const std::int64_t n = a.channels;
  const float* gamma = static_cast<const float*>(a.gamma);
  const float* beta = static_cast<const float*>(a.beta);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    const T* residual = a.residual ? static_cast<const T*>(a.residual) + r * n : nullptr;
    T* y = static_cast<T*>(a.y) + r * n;
    const auto sum_at = [x, residual](std::int64_t i, auto lanes) {
      const Vec v = lanes.load(x + i);
      return residual ? v + lanes.load(residual + i) : v;
    };
    Vec sum{};
    for_vectors(n, [&](std::int64_t i, auto lanes) { sum += sum_at(i, lanes); });
    const float mean = horizontal_sum(sum) / static_cast<float>(n);
    Vec squares{};
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec d = lanes.keep(sum_at(i, lanes) - mean);
      squares += d * d;
    });
    const float variance = horizontal_sum(squares) / static_cast<float>(n);
    const float rstd = 1.0f / __builtin_sqrtf(variance + static_cast<float>(a.epsilon));
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec s = sum_at(i, lanes);
      if (a.sum) lanes.store(static_cast<T*>(a.sum) + r * n + i, s);
      const Vec x_hat = (s - mean) * rstd;
      lanes.store(y + i, x_hat * lanes.load(gamma + i) + lanes.load(beta + i));
    });
    static_cast<float*>(a.mean)[r] = mean;
    static_cast<float*>(a.rstd)[r] = rstd;
  }
}

template <class T>
void layer_norm_backward(const LayerNormGrad& a, std::int64_t begin, std::int64_t end,
                         float* dgamma, float* dbeta) {
  const std::int64_t n = a.channels;
  const float* gamma = static_cast<const float*>(a.gamma);
  for (std::int64_t i = 0; i < n; ++i) dgamma[i] = dbeta[i] = 0;
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    const T* dy = static_cast<const T*>(a.dy) + r * n;
    const float mean = static_cast<const float*>(a.mean)[r];
    const float rstd = static_cast<const float*>(a.rstd)[r];
    Vec sum_g{}, sum_gx{};
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec x_hat = (lanes.load(x + i) - mean) * rstd, d = lanes.load(dy + i);
      const Vec g = d * lanes.load(gamma + i);
      sum_g += g;
      sum_gx += lanes.keep(g * x_hat);
      lanes.store(dgamma + i, lanes.load(dgamma + i) + d * x_hat);
      lanes.store(dbeta + i, lanes.load(dbeta + i) + d);
    });
    if (!a.dx) continue;
    T* dx = static_cast<T*>(a.dx) + r * n;
    const float mean_g = horizontal_sum(sum_g) / static_cast<float>(n);
    const float mean_gx = horizontal_sum(sum_gx) / static_cast<float>(n);
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec x_hat = (lanes.load(x + i) - mean) * rstd;
      const Vec g = lanes.load(dy + i) * lanes.load(gamma + i);
      lanes.store(dx + i, rstd * (g - mean_g - x_hat * mean_gx));
    });
  }
}

inline float log_sum_exp(std::int64_t n, const float* x) {
  Vec top = broadcast(x[0]);
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    Vec v = lanes.load(x + i);
    if constexpr (requires { lanes.count; }) {
      for (int l = static_cast<int>(lanes.count); l < kLanes; ++l) v[l] = x[0];
    }
    top = maximum(top, v);
  });
  const float shift = horizontal_maximum(top);
  Vec sum{};
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    sum += lanes.keep(exponential(lanes.load(x + i) - shift));
  });
  return shift + __builtin_logf(horizontal_sum(sum));
}

inline void scaled_exponential(std::int64_t n, const float* x, float shift, float scale, float* y) {
  for_vectors(n, [&](std::int64_t i, auto lanes) {
    lanes.store(y + i, scale * exponential(lanes.load(x + i) - shift));
  });
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
