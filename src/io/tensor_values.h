// Elements of the safetensors format as numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dnabird::io {

/// Bytes of one element of a dtype of the format ("F32", "BF16", "I64" ...); 0 if it is not known.
std::uint64_t element_size(const std::string& dtype);

/// Little-endian elements of `dtype` as To (float, double, std::int32_t), into `values`, which gets
/// one for each. Throws DataError if they cannot be read as numbers (8-bit floats, complex).
template <class To>
void numbers_of(const std::string& dtype, std::span<const char> bytes, std::vector<To>& values);

}  // namespace dnabird::io
