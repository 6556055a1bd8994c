#include "train/schedule.h"

#include <cmath>
#include <numbers>

#include "core/errors.h"

namespace dnabird::train {

double Schedule::learning_rate(std::int64_t step) const {
  core::require(step >= 1 && step <= steps && warmup >= 0, "a learning rate outside the run");
  if (step <= warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  const double x = static_cast<double>(step - 1 - warmup) / static_cast<double>(steps - warmup);
  switch (decay) {
    case LrDecay::linear:
      return peak * (1 - x);
    case LrDecay::cosine:
      return peak * (1 + std::cos(std::numbers::pi * x)) / 2;
    case LrDecay::constant:
      return peak;
  }
  return peak;
}

}  // namespace dnabird::train
