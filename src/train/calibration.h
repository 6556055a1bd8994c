// Probabilities that mean what they say: a head's logits, moved to fit a dev set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dnabird::train {

/// logit k -> scale * logit k + shifts[k]; the order of sequences within two classes stays.
struct Calibration {
  double scale = 1;            // above 0
  std::vector<double> shifts;  // (K), the first 0
};

/// The one with the least cross-entropy over logits (R,K) and labels (R). As in Platt (1999) a
/// class with n rows asks for n + 1 of n + 2, so that classes which the logits part without a
/// mistake still get a finite scale; more than two classes share one scale (Guo et al. 2017) and
/// have a shift each. `labels` must name K >= 2 classes.
Calibration fit_calibration(std::span<const double> logits, std::span<const std::int32_t> labels,
                            std::int64_t n_classes);

}  // namespace dnabird::train
