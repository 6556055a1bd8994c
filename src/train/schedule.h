// The learning rate of each step: linear warm-up, then decay to zero.
#pragma once

#include <cstdint>

namespace dnabird::train {

enum class LrDecay { linear, cosine, constant };

struct Schedule {
  double peak = 1e-4;
  std::int64_t warmup = 0;  // steps of linear rise; step `warmup` is the first at the peak
  std::int64_t steps = 1;   // of the whole run; the decay would reach 0 one step behind it
  LrDecay decay = LrDecay::linear;

  /// Of step 1..steps. After warm-up, with x = (step-1-warmup) / (steps-warmup): peak * (1-x), or
  /// peak * (1+cos(pi x)) / 2 (Loshchilov & Hutter 2017), or the peak.
  double learning_rate(std::int64_t step) const;
};

}  // namespace dnabird::train
