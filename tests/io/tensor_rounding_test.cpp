#include "io/tensor_rounding.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "io/tensor_values.h"

namespace dnabird::io {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float number_of(const std::string& dtype, std::uint16_t bits) {
  const std::array<char, 2> bytes = {static_cast<char>(bits & 255), static_cast<char>(bits >> 8)};
  std::vector<float> values;
  numbers_of(dtype, bytes, values);
  return values.at(0);
}

struct Format {
  const char* dtype;
  std::uint16_t (*round)(float);
  std::uint16_t infinity;
};

class TensorRounding : public testing::TestWithParam<Format> {};

TEST_P(TensorRounding, KeepsWhatItCanHold) {
  const Format format = GetParam();
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = number_of(format.dtype, static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(number_of(format.dtype, format.round(value)))) << bits;
    } else {
      EXPECT_EQ(format.round(value), bits) << value;
    }
  }
}

TEST_P(TensorRounding, TakesTheNearestOfTwoAndTheEvenOneOfEqualDistances) {
  const Format format = GetParam();
  for (std::uint32_t low = 0; low + 1 < format.infinity; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const double a = number_of(format.dtype, static_cast<std::uint16_t>(low));
    const double b = number_of(format.dtype, high);
    const auto middle = static_cast<float>((a + b) / 2);
    if (middle != (a + b) / 2) continue;  // below what a float can tell apart
    const std::uint16_t even = low % 2 == 0 ? static_cast<std::uint16_t>(low) : high;
    EXPECT_EQ(format.round(middle), even) << middle;
    EXPECT_EQ(format.round(std::nextafter(middle, 0.0f)), low) << middle;
    EXPECT_EQ(format.round(std::nextafter(middle, kInfinity)), high) << middle;
    EXPECT_EQ(format.round(-middle), even | 0x8000) << middle;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TensorRounding,
                         testing::Values(Format{"F16", to_half, 0x7c00},
                                         Format{"BF16", to_bfloat, 0x7f80}));

TEST(TensorRounding, WhatIsTooLargeForHalf) {
  EXPECT_EQ(to_half(65504.0f), 0x7bff);
  EXPECT_EQ(to_half(65519.99f), 0x7bff);
  EXPECT_EQ(to_half(65520.0f), 0x7c00);
  EXPECT_EQ(to_half(-1e30f), 0xfc00);
  EXPECT_EQ(to_half(1e-30f), 0);
}

TEST(TensorRounding, AppendsUpToTheFirstThatIsTooLarge) {
  const std::array values = {1.0f, -2.0f, 7e4f, 3.0f};
  std::vector<char> bytes = {'x'};
  EXPECT_EQ(append_elements("F16", values, bytes), 2u);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), std::string("x\x00\x3c\x00\xc0", 5));
  bytes.clear();
  EXPECT_EQ(append_elements("BF16", values, bytes), 4u);
  EXPECT_EQ(bytes.size(), 8u);
  EXPECT_EQ(append_elements("F32", values, bytes), 4u);
  EXPECT_EQ(bytes.size(), 24u);
  bytes.clear();
  const std::array largest = {kInfinity, std::numeric_limits<float>::max()};
  EXPECT_EQ(append_elements("BF16", largest, bytes), 1u);
  EXPECT_THROW(append_elements("I32", values, bytes), std::logic_error);
}

}  // namespace
}  // namespace dnabird::io
