// Comparison of arrays of numbers: relative errors, and equality in every bit.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <sstream>

namespace dnabird::test {

/// Two views of how far `actual` is from `expected`: |a - e| / |e| of the Euclidean norms, and the
/// largest |a - e| over the largest |e|. An expected infinity must be met exactly and is left out;
/// anything else that is not finite, or a difference from all zeros, counts as infinitely far.
struct RelativeError {
  double by_norm = 0, by_largest = 0;
  double worst() const { return std::max(by_norm, by_largest); }
};

inline RelativeError relative_error(std::span<const double> actual,
                                    std::span<const double> expected) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  if (actual.size() != expected.size()) return {kFar, kFar};
  double difference2 = 0, expected2 = 0, difference_max = 0, expected_max = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::isinf(expected[i]) && actual[i] == expected[i]) continue;
    const double difference = std::abs(actual[i] - expected[i]);
    if (!std::isfinite(difference)) return {kFar, kFar};
    difference2 += difference * difference;
    expected2 += expected[i] * expected[i];
    difference_max = std::max(difference_max, difference);
    expected_max = std::max(expected_max, std::abs(expected[i]));
  }
  if (difference_max == 0) return {};
  if (expected_max == 0) return {kFar, kFar};
  return {std::sqrt(difference2 / expected2), difference_max / expected_max};
}

/// Passes if both relative errors are at most `tolerance`; otherwise says where it is worst.
inline ::testing::AssertionResult close(std::span<const double> actual,
                                        std::span<const double> expected, double tolerance) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " values, expected " << expected.size();
  }
  const RelativeError error = relative_error(actual, expected);
  if (error.worst() <= tolerance) return ::testing::AssertionSuccess();
  std::size_t worst = 0;
  double largest = -1;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == expected[i]) continue;
    const double difference = std::abs(actual[i] - expected[i]);
    if (!std::isfinite(difference) || difference > largest) {
      worst = i;
      largest = difference;
      if (!std::isfinite(difference)) break;
    }
  }
  return ::testing::AssertionFailure()
         << "relative error " << error.by_norm << " by norm, " << error.by_largest
         << " by largest, allowed " << tolerance << "; worst at element " << worst << " of "
         << actual.size() << ": " << actual[worst] << ", expected " << expected[worst];
}

/// Passes if every value has the same bits (so that 0 and -0 differ, and equal NaN are equal).
inline ::testing::AssertionResult same_bits(std::span<const double> actual,
                                            std::span<const double> expected) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " values, expected " << expected.size();
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::bit_cast<std::uint64_t>(actual[i]) == std::bit_cast<std::uint64_t>(expected[i])) {
      continue;
    }
    std::ostringstream message;
    message.precision(17);
    message << "element " << i << " of " << actual.size() << " differs: " << actual[i] << " and "
            << expected[i];
    return ::testing::AssertionFailure() << message.str();
  }
  return ::testing::AssertionSuccess();
}

}  // namespace dnabird::test
