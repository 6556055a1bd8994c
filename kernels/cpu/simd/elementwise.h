// GELU, dropout and AdamW of a tier, on a range of elements.
#pragma once

#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/tier.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr float kGeluCubic = 0.044715f;
constexpr float kSqrtTwoOverPi = 0.79788456080286536f;

/// 0.5 (1 + tanh(c (x + a x^3))) = 1 / (1 + exp(-2 c (x + a x^3))): exact to the last bits where
/// 1 + tanh cancels.
inline Vec tanh_gate(Vec x) {
  const Vec inner = x * (1.0f + kGeluCubic * (x * x));
  return 1.0f / (1.0f + exponential(-2.0f * kSqrtTwoOverPi * inner));
}

inline void gelu_forward(Gelu kind, std::int64_t n, const float* x, float* y) {
  if (kind == Gelu::tanh) {
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec v = lanes.load(x + i);
      lanes.store(y + i, v * tanh_gate(v));
    });
  } else {
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec v = lanes.load(x + i);
      Vec unused;
      lanes.store(y + i, v * normal_distribution(v, unused));
    });
  }
}

inline void gelu_backward(Gelu kind, std::int64_t n, const float* x, const float* dy, float* dx) {
  if (kind == Gelu::tanh) {
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec v = lanes.load(x + i), gate = tanh_gate(v);
      const Vec inner_slope = 2.0f * kSqrtTwoOverPi * (1.0f + 3.0f * kGeluCubic * (v * v));
      const Vec slope = gate + v * inner_slope * (gate * (1.0f - gate));
      lanes.store(dx + i, lanes.load(dy + i) * slope);
    });
  } else {
    for_vectors(n, [&](std::int64_t i, auto lanes) {
      const Vec v = lanes.load(x + i);
      Vec density;
      const Vec slope = normal_distribution(v, density) + 0.5f * kSqrtTwoOverPi * v * density;
      lanes.store(dx + i, lanes.load(dy + i) * slope);
    });
  }
}

/// kLanes Philox blocks side by side: the words of element 4 * (first + l) on.
inline void philox_lanes(const DropoutArgs& a, std::uint64_t first, std::uint32_t* words) {
  std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    c0[l] = static_cast<std::uint32_t>(first + l);
    c1[l] = static_cast<std::uint32_t>((first + l) >> 32);
    c2[l] = static_cast<std::uint32_t>(a.stream);
    c3[l] = static_cast<std::uint32_t>(a.stream >> 32);
  }
  std::uint32_t key0 = static_cast<std::uint32_t>(a.seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(a.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int l = 0; l < kLanes; ++l) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0[l];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2[l];
      c0[l] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[l] ^ key0;
      c2[l] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[l] ^ key1;
      c1[l] = static_cast<std::uint32_t>(p1);
      c3[l] = static_cast<std::uint32_t>(p0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int l = 0; l < kLanes; ++l) {
    words[4 * l] = c0[l];
    words[4 * l + 1] = c1[l];
    words[4 * l + 2] = c2[l];
    words[4 * l + 3] = c3[l];
  }
}

inline void dropout(const DropoutArgs& a, std::int64_t begin, std::int64_t n) {
  const std::uint32_t threshold = dropout_threshold(a.p);
  const float scale = static_cast<float>(1.0 / (1.0 - a.p));
  const float* x = static_cast<const float*>(a.x) + begin;
  float* y = static_cast<float*>(a.y) + begin;
  constexpr std::int64_t kStep = 4 * kLanes;
  std::uint32_t words[kStep];
  for (std::int64_t i = 0; i < n; i += kStep) {
    philox_lanes(a, static_cast<std::uint64_t>(begin + i) / 4, words);
    const std::int64_t count = n - i < kStep ? n - i : kStep;
    if (count == kStep) {
      for (int j = 0; j < kStep; ++j) y[i + j] = words[j] >= threshold ? x[i + j] * scale : 0.0f;
    } else {
      for (int j = 0; j < count; ++j) y[i + j] = words[j] >= threshold ? x[i + j] * scale : 0.0f;
    }
  }
}

inline void adamw(const AdamWRange& a) {
  for_vectors(a.n, [&](std::int64_t i, auto lanes) {
    const Vec g = lanes.load(a.gradient + i) * a.gradient_scale;
    const Vec m = lanes.load(a.first_moment + i) * a.beta1 + g * a.rest1;
    const Vec v = lanes.load(a.second_moment + i) * a.beta2 + g * g * a.rest2;
    const Vec w = lanes.load(a.value + i);
    const Vec step = m * a.step_size / (square_root(v) * a.second_correction + a.epsilon);
    lanes.store(a.first_moment + i, m);
    lanes.store(a.second_moment + i, v);
    lanes.store(a.value + i, w - (step + w * a.decay));
  });
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
