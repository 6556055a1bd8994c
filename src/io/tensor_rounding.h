// Floats in fewer bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dnabird::io {

/// The nearest IEEE 754 binary16, ties to even; from 65,520 on infinity.
std::uint16_t to_half(float value);
/// The nearest bfloat16, ties to even.
std::uint16_t to_bfloat(float value);

/// Appends the elements as `dtype` (F32, F16 or BF16), little-endian. Returns the index of the
/// first finite one that is too large for it, or values.size(); those behind it are not appended.
std::size_t append_elements(const std::string& dtype, std::span<const float> values,
                            std::vector<char>& bytes);

}  // namespace dnabird::io
