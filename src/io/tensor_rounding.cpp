#include "io/tensor_rounding.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "core/errors.h"

namespace dnabird::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr std::uint32_t kInfinity = 0x7f800000;         // of a float
constexpr std::uint32_t kHalfOverflow = 0x477ff000;     // 65,520
constexpr std::uint32_t kHalfLeastNormal = 0x38800000;  // 2^-14
constexpr int kHalfSubnormalBits = 24;                  // their unit is 2^-24

}  // namespace

std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  std::uint32_t size = bits & 0x7fffffff;
  std::uint32_t half;
  if (size > kInfinity) {
    half = 0x7e00;  // NaN
  } else if (size >= kHalfOverflow) {
    half = 0x7c00;
  } else if (size < kHalfLeastNormal) {
    const float units = std::ldexp(std::bit_cast<float>(size), kHalfSubnormalBits);
    half = static_cast<std::uint32_t>(std::nearbyint(units));
  } else {
    size += 0xfff + (size >> 13 & 1);
    half = (size - (kHalfLeastNormal - (1u << 23))) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

std::uint16_t to_bfloat(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > kInfinity) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

std::size_t append_elements(const std::string& dtype, std::span<const float> values,
                            std::vector<char>& bytes) {
  const std::size_t begin = bytes.size();
  if (dtype == "F32") {
    bytes.resize(begin + values.size_bytes());
    if (!values.empty()) std::memcpy(bytes.data() + begin, values.data(), values.size_bytes());
    return values.size();
  }
  core::require(dtype == "F16" || dtype == "BF16", "append_elements: dtype '" + dtype + "'");
  const bool is_half = dtype == "F16";
  // All bits of the exponent: infinity or NaN.
  const std::uint16_t not_finite = is_half ? 0x7c00 : 0x7f80;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t stored = is_half ? to_half(values[i]) : to_bfloat(values[i]);
    if ((stored & not_finite) == not_finite && std::isfinite(values[i])) return i;
    bytes.push_back(static_cast<char>(stored & 255));
    bytes.push_back(static_cast<char>(stored >> 8));
  }
  return values.size();
}

}  // namespace dnabird::io
