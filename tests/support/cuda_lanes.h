// The 32 values that one register has in the lanes of a warp.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace dnabird::test {

template <class T>
struct Lanes {
  std::array<T, 32> v;
  Lanes() = default;  // left as it is, like a register
  Lanes(T same) { v.fill(same); }
  T& operator[](std::size_t lane) { return v[lane]; }
  const T& operator[](std::size_t lane) const { return v[lane]; }
};

template <class R, class T, class F>
Lanes<R> map_lanes(const Lanes<T>& a, F f) {
  Lanes<R> result;
  for (std::size_t lane = 0; lane < 32; ++lane) result.v[lane] = f(a.v[lane]);
  return result;
}
template <class R, class T, class F>
Lanes<R> map_lanes(const Lanes<T>& a, const Lanes<T>& b, F f) {
  Lanes<R> result;
  for (std::size_t lane = 0; lane < 32; ++lane) result.v[lane] = f(a.v[lane], b.v[lane]);
  return result;
}

// Each operator for two registers, and for a register and a value that all lanes share.
#define DNABIRD_LANES_OPERATOR(op)                                              \
  template <class T>                                                            \
  auto operator op(const Lanes<T>& a, const Lanes<T>& b) {                      \
    using R = std::decay_t<decltype(a.v[0] op b.v[0])>;                         \
    return map_lanes<R>(a, b, [](T x, T y) { return static_cast<R>(x op y); }); \
  }                                                                             \
  template <class T, class S>                                                   \
  requires std::is_arithmetic_v<S>                                              \
  auto operator op(const Lanes<T>& a, S b) { return a op Lanes<T>(static_cast<T>(b)); }
DNABIRD_LANES_OPERATOR(+)
DNABIRD_LANES_OPERATOR(-)
DNABIRD_LANES_OPERATOR(*)
DNABIRD_LANES_OPERATOR(/)
DNABIRD_LANES_OPERATOR(&)
DNABIRD_LANES_OPERATOR(^)
DNABIRD_LANES_OPERATOR(<<)
DNABIRD_LANES_OPERATOR(>>)
DNABIRD_LANES_OPERATOR(<)
DNABIRD_LANES_OPERATOR(>)
DNABIRD_LANES_OPERATOR(>=)
DNABIRD_LANES_OPERATOR(&&)
DNABIRD_LANES_OPERATOR(||)
#undef DNABIRD_LANES_OPERATOR

/// bf16 of the nearest value, halves to even, as the 16 upper bits of an f32.
inline std::uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}
inline float from_bf16(std::uint16_t x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16U);
}

}  // namespace dnabird::test
