#include "train/calibration.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "train/lbfgs.h"

namespace dnabird::train {

Calibration fit_calibration(std::span<const double> logits, std::span<const std::int32_t> labels,
                            std::int64_t n_classes) {
  const auto k = static_cast<std::size_t>(n_classes);
  core::require(k >= 2 && logits.size() == labels.size() * k, "fit_calibration: sizes");
  std::vector<double> counts(k, 0.0);
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  const double n = static_cast<double>(labels.size());

  // x: log of the scale, then the shifts of classes 1 to K-1.
  const Objective objective = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient.setZero(x.size());
    const double scale = std::exp(x[0]);
    double sum = 0;
    std::vector<double> z(k);
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const double* logit = &logits[row * k];
      for (std::size_t c = 0; c < k; ++c) z[c] = scale * logit[c] + (c == 0 ? 0 : x[c]);
      const double most = *std::max_element(z.begin(), z.end());
      double total = 0;
      for (const double v : z) total += std::exp(v - most);
      const auto label = static_cast<std::size_t>(labels[row]);
      const double wanted = (counts[label] + 1) / (counts[label] + 2);
      for (std::size_t c = 0; c < k; ++c) {
        const double target = c == label ? wanted : (1 - wanted) / static_cast<double>(k - 1);
        const double log_p = z[c] - most - std::log(total);
        sum -= target * log_p;
        const double slope = (std::exp(log_p) - target) / n;
        gradient[0] += slope * scale * logit[c];
        if (c > 0) gradient[c] += slope;
      }
    }
    return sum / n;
  };
  const Eigen::VectorXd x =
      minimize(objective, Eigen::VectorXd::Zero(n_classes), {.tolerance = 1e-8}).x;
  Calibration calibration{std::exp(x[0]), std::vector<double>(k, 0.0)};
  for (std::size_t c = 1; c < k; ++c) calibration.shifts[c] = x[c];
  return calibration;
}

}  // namespace dnabird::train
