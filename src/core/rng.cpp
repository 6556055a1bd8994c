#include "core/rng.h"

#include <cmath>
#include <numbers>

#include "core/errors.h"

namespace dnabird::core {

Rng::Rng(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

std::uint32_t Rng::next() { return kernels::philox_word(seed_, stream_, position_++); }

std::uint64_t Rng::below(std::uint64_t n) {
  require(n > 0, "random number below 0");
  // Rejects the words above the last whole multiple of n. n > 0, which the analyzer does not see:
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero)
  const std::uint64_t limit = ~std::uint64_t{0} - (~std::uint64_t{0} % n + 1) % n;
  for (;;) {
    const std::uint64_t high = next();
    const std::uint64_t word = (high << 32) | next();
    if (word <= limit) return word % n;
  }
}

double Rng::uniform() {
  const std::uint64_t high = next();
  const std::uint64_t word = (high << 32) | next();
  return static_cast<double>(word >> 11) * 0x1.0p-53;
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace dnabird::core
