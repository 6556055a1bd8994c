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

template <class T>
void gelu_forward(Gelu kind, std::int64_t n, const T* x, T* y) {
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

template <class T>
void gelu_backward(Gelu kind, std::int64_t n, const T* x, const T* dy, T* dx) {
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

/// The words of kLanes / 2 Philox blocks (see philox.h) from block number `first` on, in the order
/// of the stream. A word lives in the low half of a lane of 64 bits; the high half is noise that
/// no product reads.
inline void philox_words(const DropoutDraws& a, std::uint64_t first, std::uint32_t* words) {
  LongVec c0, c1;
  for (int l = 0; l < kLanes / 2; ++l) c0[l] = first + l;
  c1 = c0 >> 32;
  LongVec c2 = LongVec{} + a.stream, c3 = c2 >> 32;
  std::uint32_t key0 = static_cast<std::uint32_t>(a.seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(a.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const LongVec p0 = multiply_low_halves(c0, LongVec{} + 0xD2511F53u);
    const LongVec p1 = multiply_low_halves(c2, LongVec{} + 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ key0;
    c2 = (p0 >> 32) ^ c3 ^ key1;
    c1 = p1;
    c3 = p0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  const LongVec front = (c0 & 0xFFFFFFFFu) | (c1 << 32), back = (c2 & 0xFFFFFFFFu) | (c3 << 32);
  const auto low_half = [](int l) { return l / 2 + l % 2 * (kLanes / 2); };
  const auto high_half = [](int l) { return kLanes / 4 + l / 2 + l % 2 * (kLanes / 2); };
  const LongVec stream[2] = {shuffle(front, back, low_half), shuffle(front, back, high_half)};
  __builtin_memcpy(words, stream, sizeof stream);
}

template <class T>
void dropout(const DropoutArgs& a, std::int64_t begin, std::int64_t n) {
  const std::uint32_t threshold = dropout_threshold(a.draws.p);
  const float scale = static_cast<float>(1.0 / (1.0 - a.draws.p));
  constexpr std::int64_t kWords = 2 * kLanes, kStep = 16 * kWords;
  std::uint32_t words[kStep];
  for (std::int64_t i = 0; i < n; i += kStep) {
    for (std::int64_t j = 0; j < kStep; j += kWords) {
      philox_words(a.draws, static_cast<std::uint64_t>(begin + i + j) / 4, words + j);
    }
    const T* x = static_cast<const T*>(a.x) + begin + i;
    T* y = static_cast<T*>(a.y) + begin + i;
    const std::int64_t count = n - i < kStep ? n - i : kStep;
    for (std::int64_t j = 0; j < count; ++j) {
      assign(y[j], words[j] >= threshold ? to_float(x[j]) * scale : 0.0f);
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
