#include "train/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"

namespace dnabird::train {
namespace {

struct Drawn {
  std::vector<double> logits;  // (R,K)
  std::vector<std::int32_t> labels;
};

/// Labels drawn by softmax(scale * logits + shifts).
Drawn draw(const Calibration& truth, int rows, std::uint64_t seed) {
  core::Rng rng(seed);
  const std::size_t k = truth.shifts.size();
  Drawn drawn;
  for (int row = 0; row < rows; ++row) {
    std::vector<double> odds(k);
    double total = 0;
    for (std::size_t c = 0; c < k; ++c) {
      drawn.logits.push_back(2 * rng.normal());
      total += odds[c] = std::exp(truth.scale * drawn.logits.back() + truth.shifts[c]);
    }
    double left = rng.uniform() * total;
    std::int32_t label = 0;
    while (label + 1 < static_cast<std::int32_t>(k) && (left -= odds[label]) > 0) ++label;
    drawn.labels.push_back(label);
  }
  return drawn;
}

TEST(Calibration, FindsWhatTheLabelsWereDrawnBy) {
  for (const Calibration& truth :
       {Calibration{0.4, {0, 1.5}}, Calibration{2, {0, -1}}, Calibration{0.7, {0, 0.5, -1}}}) {
    const Drawn drawn = draw(truth, 20000, 3);
    const auto k = static_cast<std::int64_t>(truth.shifts.size());
    const Calibration found = fit_calibration(drawn.logits, drawn.labels, k);
    EXPECT_NEAR(found.scale, truth.scale, 0.05 * truth.scale);
    for (std::size_t c = 0; c < truth.shifts.size(); ++c) {
      EXPECT_NEAR(found.shifts[c], truth.shifts[c], 0.08);
    }
  }
}

TEST(Calibration, ClassesThatArePartedHaveAFiniteScale) {
  const std::vector<double> logits = {1, -1, 2, 0, -1, 1, 0, 3};
  const std::vector<std::int32_t> labels = {0, 0, 1, 1};
  const Calibration found = fit_calibration(logits, labels, 2);
  EXPECT_GT(found.scale, 0);
  EXPECT_LT(found.scale, 100);
  // Two rows of a class: 3 of 4.
  const double z = found.scale * (logits[1] - logits[0]) + found.shifts[1];
  EXPECT_GT(1 / (1 + std::exp(z)), 0.5);
}

TEST(Calibration, LogitsThatSayNothingGiveTheShareOfTheClasses) {
  const std::vector<double> logits(2 * 100, 0.0);
  std::vector<std::int32_t> labels(100, 0);
  for (int i = 0; i < 25; ++i) labels[i] = 1;
  const Calibration found = fit_calibration(logits, labels, 2);
  // (75 / 77 and 25 / 27 of the rows ask to be wrong.)
  const double ones = 25.0 * 26 / 27 + 75.0 / 77;
  EXPECT_NEAR(1 / (1 + std::exp(-found.shifts[1])), ones / 100, 1e-4);
}

}  // namespace
}  // namespace dnabird::train
