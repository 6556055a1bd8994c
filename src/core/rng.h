// Our own generator, the same on every machine: Philox words of a (seed, stream), in order.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/philox.h"

namespace dnabird::core {

class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint32_t next();
  /// Uniform in [0, n), without bias; n > 0.
  std::uint64_t below(std::uint64_t n);
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Standard normal (Box-Muller).
  double normal();
  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

  /// Position in the stream, in words: all the state beside seed and stream.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t seed_, stream_, position_ = 0;
};

using kernels::mix;  // streams out of parts

}  // namespace dnabird::core
