// Reference of inverted dropout from a counter-based generator.
#pragma once

#include "kernels/kernel_set.h"
#include "kernels/philox.h"

namespace dnabird::kernels::reference {

/// One use of dropout, element by element.
template <class T>
class ElementDropout {
 public:
  explicit ElementDropout(const DropoutDraws& draws)
      : drops_(draws.p > 0),
        seed_(draws.seed),
        stream_(dropout_stream(draws.step, draws.stream)),
        threshold_(dropout_threshold(draws.p)),
        scale_(static_cast<T>(1.0 / (1.0 - draws.p))) {}

  /// x / (1 - p) if philox_word(seed, stream, i) >= dropout_threshold(p), else 0; x is element i.
  T operator()(std::int64_t i, T x) const {
    if (!drops_) return x;
    const bool keep = philox_word(seed_, stream_, static_cast<std::uint64_t>(i)) >= threshold_;
    return keep ? x * scale_ : T(0);
  }

 private:
  bool drops_;
  std::uint64_t seed_, stream_;
  std::uint32_t threshold_;
  T scale_;
};

/// y[i] = x[i] after dropout. The op is linear, so that the same function is its own backward.
template <class T>
void dropout(const DropoutArgs& args);

}  // namespace dnabird::kernels::reference
