// Random test inputs that are the same on every machine: Philox words and Box-Muller.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "kernels/philox.h"

namespace dnabird::test {

class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : seed_(seed) {}

  /// Uniform in [0, 1).
  double uniform() { return kernels::philox_word(seed_, 0, next_++) / 4294967296.0; }
  /// Uniform in [0, n).
  std::int32_t below(std::int64_t n) {
    return static_cast<std::int32_t>(uniform() * static_cast<double>(n));
  }
  /// Standard normal, rounded to float, so that f32 and f64 kernels get the same number.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
    return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * uniform()));
  }

  std::vector<double> normals(std::int64_t n, double scale = 1.0, double mean = 0.0) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& v : values) v = static_cast<float>(mean + scale * normal());
    return values;
  }
  std::vector<std::int32_t> integers(std::int64_t n, std::int64_t limit) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(n));
    for (std::int32_t& v : values) v = below(limit);
    return values;
  }

 private:
  std::uint64_t seed_, next_ = 0;
};

}  // namespace dnabird::test
