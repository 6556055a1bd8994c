#include "io/tensor_values.h"

#include <bit>
#include <cstring>
#include <map>

#include "core/errors.h"

namespace dnabird::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

/// IEEE 754 binary16: exponent and mantissa are moved to where a float has them, and a factor makes
/// up for the difference of the two biases, subnormal numbers included.
float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t magnitude = (bits & 0x7fffu) << 13;
  const std::uint32_t value =
      (bits & 0x7c00u) == 0x7c00u
          ? 0x7f800000u | magnitude
          : std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  return std::bit_cast<float>(sign | value);
}

float bfloat_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <class Stored, class To, class Convert>
void convert(std::span<const char> bytes, std::vector<To>& values, Convert convert_one) {
  values.resize(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): int8 is a number here
    values[i] = static_cast<To>(convert_one(stored));
  }
}

template <class Stored, class To>
void convert(std::span<const char> bytes, std::vector<To>& values) {
  convert<Stored>(bytes, values, [](Stored value) { return value; });
}

}  // namespace

std::uint64_t element_size(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> kSizes{
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
      {"F16", 2},  {"I16", 2}, {"U16", 2}, {"BF16", 2},    {"F32", 4},     {"I32", 4},
      {"U32", 4},  {"F64", 8}, {"I64", 8}, {"U64", 8},     {"C64", 8}};
  const auto found = kSizes.find(dtype);
  return found == kSizes.end() ? 0 : found->second;
}

template <class To>
void numbers_of(const std::string& dtype, std::span<const char> bytes, std::vector<To>& values) {
  if (dtype == "F32") return convert<float>(bytes, values);
  if (dtype == "BF16") return convert<std::uint16_t>(bytes, values, bfloat_to_float);
  if (dtype == "F16") return convert<std::uint16_t>(bytes, values, half_to_float);
  if (dtype == "F64") return convert<double>(bytes, values);
  if (dtype == "I64") return convert<std::int64_t>(bytes, values);
  if (dtype == "U64") return convert<std::uint64_t>(bytes, values);
  if (dtype == "I32") return convert<std::int32_t>(bytes, values);
  if (dtype == "U32") return convert<std::uint32_t>(bytes, values);
  if (dtype == "I16") return convert<std::int16_t>(bytes, values);
  if (dtype == "U16") return convert<std::uint16_t>(bytes, values);
  if (dtype == "I8") return convert<std::int8_t>(bytes, values);
  if (dtype == "U8" || dtype == "BOOL") return convert<std::uint8_t>(bytes, values);
  throw core::DataError("a tensor of dtype '" + dtype + "' cannot be read as numbers");
}

template void numbers_of(const std::string&, std::span<const char>, std::vector<float>&);
template void numbers_of(const std::string&, std::span<const char>, std::vector<double>&);
template void numbers_of(const std::string&, std::span<const char>, std::vector<std::int32_t>&);

}  // namespace dnabird::io
