// Exponentials and the error function for vectors, relative error about 1e-7. NaN stays NaN:
// comparisons are written so that it falls through.
#pragma once

#include "kernels/cpu/simd/vec.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr float kLog2E = 1.44269504088896341f;
constexpr float kRoundingShift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer

/// p * 2^n < 2^128 for p in [0.7, 2] and an integer n >= -125, given as n + kRoundingShift: the
/// lowest bits of that float are n, and a float's exponent is a sum away. Any n gives some float:
/// lanes that nobody reads hold anything.
inline Vec scale_by_power(Vec p, Vec shifted) {
  WordVec n, bits;
  __builtin_memcpy(&n, &shifted, sizeof n);
  __builtin_memcpy(&bits, &p, sizeof bits);
  bits += n << 23;
  __builtin_memcpy(&p, &bits, sizeof p);
  return p;
}

/// x in parts: `fraction` in [0, 1], and the integer below it in a form for times_power.
struct PowerOfTwo {
  Vec fraction, whole;
};
#if defined(__AVX512DQ__) && DNABIRD_LANES == 16  // masked: GCC 12 warns of the plain ones (105593)
inline PowerOfTwo split_power(Vec x) {
  constexpr int kDown = 1;
  return {reinterpret_cast<Vec>(_mm512_maskz_reduce_ps(0xFFFF, reinterpret_cast<__m512>(x),
                                                       kDown | _MM_FROUND_NO_EXC)),
          x};  // times_power rounds down
}
inline Vec times_power(Vec p, const PowerOfTwo& x) {
  return reinterpret_cast<Vec>(_mm512_maskz_scalef_ps(0xFFFF, reinterpret_cast<__m512>(p),
                                                      reinterpret_cast<__m512>(x.whole)));
}
#else
inline PowerOfTwo split_power(Vec x) {
  const Vec shifted = (x - 0.5f) + kRoundingShift;
  return {x - (shifted - kRoundingShift), shifted};
}
inline Vec times_power(Vec p, const PowerOfTwo& x) { return scale_by_power(p, x.whole); }
#endif

/// 2^x for x <= 126; below -125 as for -125, which is nothing beside 1. The polynomials are 1 at 0
/// and have the least relative error on [0, 1] that their degree allows (Remez): 1.4e-7 in floats.
inline Vec exp2_or_tiny(Vec x) {
  const PowerOfTwo parts = split_power(maximum(broadcast(-125.0f), x));
  const Vec f = parts.fraction;
  Vec p = broadcast(1.8671300724e-03f);
  p = p * f + 9.0170303159e-03f;
  p = p * f + 5.5799913110e-02f;
  p = p * f + 2.4016445015e-01f;
  p = p * f + 6.9315131180e-01f;
  p = p * f + 1.0f;
  return times_power(p, parts);
}

/// The same with an error of 9e-5 of the result, a twentieth of what bf16 rounds.
inline Vec exp2_or_tiny_rough(Vec x) {
  const PowerOfTwo parts = split_power(maximum(broadcast(-125.0f), x));
  const Vec f = parts.fraction;
  Vec p = broadcast(7.7067042004e-02f);
  p = p * f + 2.2764499120e-01f;
  p = p * f + 6.9511678641e-01f;
  p = p * f + 1.0f;
  return times_power(p, parts);
}

/// e^x, with x limited to [-86.6, 88].
inline Vec exponential(Vec x) {
  x = maximum(broadcast(-86.6f), x);
  x = minimum(broadcast(88.0f), x);
  const Vec shifted = x * kLog2E + kRoundingShift;
  const Vec n = shifted - kRoundingShift;
  Vec r = x - n * 0.693359375f;  // ln 2 in two parts
  r = r + n * 2.12194440e-4f;
  Vec q = broadcast(1.3933652489e-03f);
  q = q * r + 8.3631815447e-03f;
  q = q * r + 4.1666464895e-02f;
  q = q * r + 1.6666576967e-01f;
  q = q * r + 5.0000000135e-01f;
  return scale_by_power(q * (r * r) + r + 1.0f, shifted);
}

/// The normal distribution function 0.5 erfc(-x / sqrt 2); `density_factor` gets exp(-x^2/2).
/// Source: the Chebyshev fit of erfc in Numerical Recipes, section 6.2.
inline Vec normal_distribution(Vec x, Vec& density_factor) {
  const Vec magnitude = x < 0.0f ? -x : x;
  const Vec z = magnitude * 0.70710678118654752f;
  const Vec t = 1.0f / (1.0f + 0.5f * z);
  Vec p = broadcast(0.17087277f);
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  density_factor = exponential(-0.5f * (x * x));
  const Vec upper_tail = 0.5f * t * exponential(p) * density_factor;
  return x < 0.0f ? upper_tail : 1.0f - upper_tail;
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
