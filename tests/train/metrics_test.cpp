#include "train/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "train/report.h"

namespace dnabird::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Sample {
  std::vector<std::int32_t> labels;
  std::vector<double> scores;
};

/// Scores on a grid, so that many are tied.
Sample tied_sample(int n, std::uint64_t seed) {
  core::Rng rng(seed);
  Sample sample;
  for (int i = 0; i < n; ++i) {
    sample.labels.push_back(static_cast<std::int32_t>(rng.below(2)));
    sample.scores.push_back(static_cast<double>(rng.below(7)) + sample.labels.back());
  }
  return sample;
}

/// Rows repeated as often as they count: what weights must agree with.
template <class T>
std::vector<T> repeat(const std::vector<T>& values, const std::vector<std::int32_t>& counts) {
  std::vector<T> repeated;
  for (std::size_t i = 0; i < values.size(); ++i) {
    repeated.insert(repeated.end(), static_cast<std::size_t>(counts[i]), values[i]);
  }
  return repeated;
}

std::vector<std::int32_t> some_counts(std::size_t n, std::uint64_t seed) {
  core::Rng rng(seed);
  std::vector<std::int32_t> counts;
  for (std::size_t i = 0; i < n; ++i) counts.push_back(static_cast<std::int32_t>(rng.below(4)));
  return counts;
}

TEST(Confusion, CountsAndFiguresByHand) {
  const std::vector<std::int32_t> labels = {1, 1, 1, 0, 0, 0, 0, 1};
  const std::vector<double> scores = {0.9, 0.8, 0.2, 0.7, 0.1, 0.0, 0.5, 0.6};
  const Confusion table = count_calls(labels, scores, 0.5);  // 0.5 itself is not called
  EXPECT_EQ(table.true_positive, 3);
  EXPECT_EQ(table.false_negative, 1);
  EXPECT_EQ(table.false_positive, 1);
  EXPECT_EQ(table.true_negative, 3);
  EXPECT_DOUBLE_EQ(matthews(table), (3.0 * 3 - 1 * 1) / 16);
  EXPECT_DOUBLE_EQ(f1(table), 0.75);
  EXPECT_DOUBLE_EQ(precision(table), 0.75);
  EXPECT_DOUBLE_EQ(recall(table), 0.75);
  EXPECT_DOUBLE_EQ(accuracy(table), 0.75);
  EXPECT_EQ(matthews(count_calls(labels, scores, 1.0)), 0);  // no call at all
  EXPECT_EQ(f1(count_calls(labels, scores, 1.0)), 0);
}

TEST(Auroc, ByHand) {
  const std::vector<std::int32_t> labels = {0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(auroc(labels, std::vector<double>{0.1, 0.4, 0.35, 0.8}), 0.75);
  EXPECT_DOUBLE_EQ(auroc(labels, std::vector<double>{1, 1, 1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(auroc(labels, std::vector<double>{4, 3, 2, 1}), 0);
  EXPECT_TRUE(std::isnan(auroc(std::vector<std::int32_t>{1, 1}, std::vector<double>{1, 2})));
}

TEST(Auroc, IsTheShareOfPairsInOrder) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Sample s = tied_sample(60, seed);
    double wins = 0, pairs = 0;
    for (std::size_t i = 0; i < s.labels.size(); ++i) {
      for (std::size_t j = 0; j < s.labels.size(); ++j) {
        if (s.labels[i] != 1 || s.labels[j] != 0) continue;
        pairs += 1;
        wins += s.scores[i] > s.scores[j] ? 1 : s.scores[i] == s.scores[j] ? 0.5 : 0;
      }
    }
    EXPECT_NEAR(auroc(s.labels, s.scores), wins / pairs, 1e-12);
  }
}

TEST(Auprc, ByHand) {
  // The example of scikit-learn's average_precision_score: 0.5 * 2/3 + 0.5 * 1.
  EXPECT_NEAR(
      auprc(std::vector<std::int32_t>{0, 0, 1, 1}, std::vector<double>{0.1, 0.4, 0.35, 0.8}),
      0.8333333333333333, 1e-15);
  EXPECT_DOUBLE_EQ(auprc(std::vector<std::int32_t>{0, 1, 1, 0}, std::vector<double>{1, 1, 1, 1}),
                   0.5);
  EXPECT_TRUE(std::isnan(auprc(std::vector<std::int32_t>{0, 0}, std::vector<double>{1, 2})));
}

TEST(Auprc, IsTheSumOverThresholds) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Sample s = tied_sample(60, seed);
    double area = 0, last_recall = 0;
    for (double threshold = 9; threshold >= 0; threshold -= 1) {
      const Confusion table = count_calls(s.labels, s.scores, threshold - 0.5);
      area += (recall(table) - last_recall) * precision(table);
      last_recall = recall(table);
    }
    EXPECT_NEAR(auprc(s.labels, s.scores), area, 1e-12);
  }
}

TEST(Figures, CountsAreRepeatedRows) {
  const Sample s = tied_sample(80, 9);
  const Sample other = tied_sample(80, 10);
  const std::vector<std::int32_t> counts = some_counts(80, 3);
  const auto labels = repeat(s.labels, counts);
  const auto scores = repeat(s.scores, counts);
  const auto x = repeat(other.scores, counts);
  EXPECT_NEAR(auroc(s.labels, s.scores, counts), auroc(labels, scores), 1e-12);
  EXPECT_NEAR(auprc(s.labels, s.scores, counts), auprc(labels, scores), 1e-12);
  EXPECT_NEAR(pearson(s.scores, other.scores, counts), pearson(scores, x), 1e-12);
  EXPECT_NEAR(spearman(s.scores, other.scores, counts), spearman(scores, x), 1e-12);
  EXPECT_NEAR(mean_squared_error(s.scores, other.scores, counts), mean_squared_error(scores, x),
              1e-12);
  EXPECT_DOUBLE_EQ(matthews(count_calls(s.labels, s.scores, 4, counts)),
                   matthews(count_calls(labels, scores, 4)));
  EXPECT_DOUBLE_EQ(accuracy(s.labels, other.labels, counts),
                   accuracy(labels, repeat(other.labels, counts)));
}

TEST(ManyClasses, TwoClassesAgreeWithTheTable) {
  const Sample s = tied_sample(50, 4);
  std::vector<std::int32_t> calls;
  for (const double score : s.scores) calls.push_back(score > 3 ? 1 : 0);
  EXPECT_NEAR(matthews(s.labels, calls, 2), matthews(count_calls(s.labels, s.scores, 3)), 1e-12);
}

TEST(ManyClasses, GorodkinIsTheCorrelationOfIndicators) {
  core::Rng rng(8);
  std::vector<std::int32_t> labels, calls;
  for (int i = 0; i < 70; ++i) {
    labels.push_back(static_cast<std::int32_t>(rng.below(4)));
    calls.push_back(rng.below(2) ? labels.back() : static_cast<std::int32_t>(rng.below(4)));
  }
  // R_K as it is defined: covariances of the indicator columns, summed over classes.
  double xy = 0, xx = 0, yy = 0;
  const double n = static_cast<double>(labels.size());
  for (std::int32_t k = 0; k < 4; ++k) {
    double mean_x = 0, mean_y = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      mean_x += (labels[i] == k) / n;
      mean_y += (calls[i] == k) / n;
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const double x = (labels[i] == k) - mean_x, y = (calls[i] == k) - mean_y;
      xy += x * y;
      xx += x * x;
      yy += y * y;
    }
  }
  EXPECT_NEAR(matthews(labels, calls, 4), xy / std::sqrt(xx * yy), 1e-12);
}

TEST(ManyClasses, MacroF1ByHand) {
  // Class 0: F1 2/3; class 1: F1 1/2; class 2: F1 2/3; class 3 does not occur.
  const std::vector<std::int32_t> labels = {0, 0, 1, 1, 2}, calls = {0, 1, 1, 2, 2};
  EXPECT_NEAR(macro_f1(labels, calls, 4), (2.0 / 3 + 0.5 + 2.0 / 3) / 3, 1e-15);
  EXPECT_DOUBLE_EQ(accuracy(labels, calls), 0.6);
}

TEST(Regression, ByHandWithTiesAndMissing) {
  const std::vector<double> x = {1, 2, kNan, 2, 5, 7}, y = {2, 1, 4, 3, kNan, 9};
  // Complete pairs: x 1 2 2 7, y 2 1 3 9; ranks 1 2.5 2.5 4 and 2 1 3 4.
  EXPECT_NEAR(pearson(x, y), 28.0 / std::sqrt(22.0 * 38.75), 1e-12);
  EXPECT_NEAR(spearman(x, y), 3.0 / std::sqrt(4.5 * 5.0), 1e-12);
  EXPECT_DOUBLE_EQ(mean_squared_error(x, y), (1.0 + 1 + 1 + 4) / 4);
  EXPECT_TRUE(std::isnan(pearson(x, std::vector<double>(6, 1.0))));
  EXPECT_TRUE(std::isnan(mean_squared_error(x, std::vector<double>(6, kNan))));
}

TEST(Bootstrap, IntervalOfAMean) {
  core::Rng rng(5);
  std::vector<double> values;
  double sum = 0;
  for (int i = 0; i < 400; ++i) sum += values.emplace_back(rng.normal());
  const Figure mean = [&](Counts counts) {
    double total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) total += counts[i] * values[i];
    return total / 400;
  };
  const Interval95 a = bootstrap_intervals(400, {mean}, {1000, 1})[0];
  // 1.96 standard errors of 0.05 each.
  EXPECT_NEAR(a.low, sum / 400 - 0.098, 0.02);
  EXPECT_NEAR(a.high, sum / 400 + 0.098, 0.02);
  const Interval95 again = bootstrap_intervals(400, {mean, mean}, {1000, 1})[1];
  EXPECT_EQ(a.low, again.low);
  EXPECT_EQ(a.high, again.high);
  EXPECT_NE(a.low, bootstrap_intervals(400, {mean}, {1000, 2})[0].low);
  EXPECT_TRUE(std::isnan(bootstrap_intervals(400, {mean}, {0, 1})[0].low));
}

const Metric& find(const std::vector<Metric>& metrics, const std::string& target,
                   const std::string& name) {
  for (const Metric& metric : metrics) {
    if (metric.target == target && metric.name == name) return metric;
  }
  throw std::runtime_error("no metric " + target + " " + name);
}

TEST(Report, TwoClasses) {
  Predictions p;
  p.targets = {"background", "promoter"};
  p.outputs = {0, 1, 3, 1, 0, 2, 1, 0.5};
  p.labels = {1, 0, 0, 1};
  const auto metrics = evaluate_predictions(p, {200, 1});
  EXPECT_EQ(metrics[0].name, "MCC");
  EXPECT_DOUBLE_EQ(metrics[0].value, 0);  // one of each kind
  EXPECT_EQ(metrics[0].n, 4);
  EXPECT_LE(metrics[0].interval.low, 0);
  EXPECT_GE(metrics[0].interval.high, 0);
  EXPECT_DOUBLE_EQ(find(metrics, "label", "AUROC").value, 0.5);  // 1 and -0.5 against -2 and 2
  EXPECT_DOUBLE_EQ(find(metrics, "label", "accuracy").value, 0.5);
}

TEST(Report, ThreeClasses) {
  Predictions p;
  p.targets = {"a", "b", "c"};
  p.outputs = {5, 1, 1, 0, 2, 1, 0, 1, 2, 0, 3, 1};
  p.labels = {0, 1, 2, 2};
  const auto metrics = evaluate_predictions(p, {0, 1});
  EXPECT_DOUBLE_EQ(find(metrics, "label", "accuracy").value, 0.75);
  EXPECT_NEAR(find(metrics, "label", "macro_F1").value, (1 + 2.0 / 3 + 2.0 / 3) / 3, 1e-12);
  EXPECT_TRUE(std::isnan(metrics[0].interval.low));
}

TEST(Report, LabelsWithMissingOnes) {
  Predictions p;
  p.task = model::HeadTask::multi_label;
  p.targets = {"x", "y"};
  p.outputs = {-1, 2, 1, 1, 2, -3, 0.5, 4};
  p.truth = {0, 1, 1, kNan, 1, 0, 0, kNan};
  const auto metrics = evaluate_predictions(p, {50, 1});
  EXPECT_EQ(metrics[0].target, "mean");
  EXPECT_EQ(metrics[0].name, "AUROC");
  EXPECT_DOUBLE_EQ(metrics[0].value, 1);
  EXPECT_DOUBLE_EQ(find(metrics, "x", "AUROC").value, 1);
  EXPECT_EQ(find(metrics, "x", "AUROC").n, 4);
  EXPECT_EQ(find(metrics, "y", "AUROC").n, 2);
  EXPECT_DOUBLE_EQ(find(metrics, "x", "MCC").value, 2.0 / std::sqrt(12.0));
  EXPECT_DOUBLE_EQ(find(metrics, "y", "MCC").value, 1);
}

TEST(Report, RegressionTargets) {
  Predictions p;
  p.task = model::HeadTask::regression;
  p.targets = {"hepg2", "k562"};
  p.outputs = {1, 5, 2, 4, 3, 3, 4, 9};
  p.truth = {2, 1, 4, 2, 6, 3, 8, kNan};
  const auto metrics = evaluate_predictions(p, {100, 1});
  EXPECT_DOUBLE_EQ(find(metrics, "hepg2", "Pearson").value, 1);
  EXPECT_DOUBLE_EQ(find(metrics, "k562", "Spearman").value, -1);
  EXPECT_DOUBLE_EQ(find(metrics, "k562", "MSE").value, (16.0 + 4 + 0) / 3);
  EXPECT_EQ(find(metrics, "k562", "MSE").n, 3);
  EXPECT_NEAR(metrics[0].value, 0, 1e-12);
  EXPECT_EQ(metrics[0].name, "Pearson");
}

TEST(Report, RefusesSizesThatDisagree) {
  Predictions p;
  p.targets = {"a", "b"};
  p.outputs = {1, 2, 3};
  p.labels = {1, 0};
  EXPECT_THROW(evaluate_predictions(p, {}), std::logic_error);
}

}  // namespace
}  // namespace dnabird::train
