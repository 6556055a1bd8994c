// bfloat16: the upper half of a float.
#pragma once

#include <cstdint>

namespace dnabird::kernels {

struct Bf16 {
  std::uint16_t bits;
};

// Files that are compiled for more than the baseline include this: inlined always, so that none of
// their instructions is linked into another file.
[[gnu::always_inline]] inline float to_float(float x) { return x; }
[[gnu::always_inline]] inline float to_float(Bf16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

[[gnu::always_inline]] inline void assign(float& to, float value) { to = value; }
/// The nearest, of two as near the even one; NaN stays NaN.
[[gnu::always_inline]] inline void assign(Bf16& to, float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
  const std::uint32_t rounded = bits + 0x7FFFu + (bits >> 16 & 1u);
  to.bits = static_cast<std::uint16_t>((is_nan ? bits | 0x400000u : rounded) >> 16);
}

}  // namespace dnabird::kernels
