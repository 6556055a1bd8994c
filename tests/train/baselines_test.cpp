#include "train/baselines.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/rng.h"
#include "train/lbfgs.h"
#include "train/metrics.h"
#include "train/report.h"

namespace dnabird::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string random_bases(core::Rng& rng, int n) {
  std::string bases;
  for (int i = 0; i < n; ++i) bases += "ACGT"[rng.below(4)];
  return bases;
}

struct Set {
  std::vector<std::string> sequences;
  Predictions truth;
};

/// Label 1 holds TATAAA, label 0 the same bases in another order: equal GC content.
Set motif_set(int n, std::uint64_t seed) {
  core::Rng rng(seed);
  Set set;
  set.truth.targets = {"without", "with"};
  for (int i = 0; i < n; ++i) {
    const std::int32_t label = i % 3 == 0 ? 1 : 0;
    set.truth.labels.push_back(label);
    set.sequences.push_back(random_bases(rng, 30) + (label ? "TATAAA" : "ATAATA") +
                            random_bases(rng, 30));
  }
  return set;
}

TEST(Lbfgs, FindsTheMinimumOfRosenbrocksValley) {
  const Objective valley = [](const Eigen::VectorXd& x, Eigen::VectorXd& g) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    g[0] = -2 * a - 400 * x[0] * b;
    g[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  const LbfgsResult result = minimize(valley, Eigen::Vector2d(-1.2, 1), {200, 10, 1e-9});
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(result.x[0], 1, 1e-7);
  EXPECT_NEAR(result.x[1], 1, 1e-7);
  EXPECT_FALSE(minimize(valley, Eigen::Vector2d(-1.2, 1), {3, 10, 1e-9}).converged);
}

TEST(Gc, Content) {
  EXPECT_DOUBLE_EQ(gc_content("GGCA"), 0.75);
  EXPECT_DOUBLE_EQ(gc_content("gNcNaT"), 0.5);
  EXPECT_DOUBLE_EQ(gc_content("NNN"), 0.5);
  EXPECT_DOUBLE_EQ(gc_content("AAT"), 0);
}

TEST(Gc, ThresholdIsTheBestOnTheTrainingSet) {
  core::Rng rng(1);
  Set set;
  set.truth.targets = {"a", "b"};
  std::vector<double> gc;
  for (int i = 0; i < 60; ++i) {
    set.sequences.push_back(random_bases(rng, 12));
    gc.push_back(gc_content(set.sequences.back()));
    set.truth.labels.push_back(gc.back() + 0.3 * rng.normal() > 0.5 ? 1 : 0);
  }
  const LinearTargets targets = LinearTargets::from(set.truth);
  const auto numbers = GcBaseline(set.sequences, targets).predict(set.sequences);
  double best = -1;
  for (double threshold = 0.01; threshold < 1; threshold += 0.01) {
    best = std::max(best, matthews(count_calls(set.truth.labels, gc, threshold)));
  }
  EXPECT_GT(best, 0.2);
  EXPECT_DOUBLE_EQ(matthews(count_calls(set.truth.labels, numbers[0], 0)), best);
  EXPECT_DOUBLE_EQ(auroc(set.truth.labels, numbers[0]), auroc(set.truth.labels, gc));
  const std::vector<double> outputs = targets.outputs(numbers);
  ASSERT_EQ(outputs.size(), 120u);
  EXPECT_EQ(outputs[0], 0);
  EXPECT_EQ(outputs[1], numbers[0][0]);
}

TEST(Gc, ValuesFollowAStraightLine) {
  Predictions truth;
  truth.task = model::HeadTask::regression;
  truth.targets = {"y"};
  truth.truth = {1, 2, 3, kNan};
  const std::vector<std::string> sequences = {"AAAA", "AACC", "GCGC", "ACGT"};
  const auto numbers = GcBaseline(sequences, LinearTargets::from(truth)).predict(sequences);
  EXPECT_NEAR(numbers[0][0], 1, 1e-12);
  EXPECT_NEAR(numbers[0][3], 2, 1e-12);
}

TEST(Kmers, FindAMotifThatGcContentCannotSee) {
  const Set train = motif_set(900, 1), dev = motif_set(300, 2);
  const LinearTargets targets = LinearTargets::from(train.truth);
  const KmerBaseline kmers(train.sequences, targets);
  const GcBaseline gc(train.sequences, targets);
  EXPECT_GT(auroc(dev.truth.labels, kmers.predict(dev.sequences)[0]), 0.97);
  EXPECT_NEAR(auroc(dev.truth.labels, gc.predict(dev.sequences)[0]), 0.5, 0.12);
  EXPECT_GT(matthews(count_calls(dev.truth.labels, kmers.predict(dev.sequences)[0], 0)), 0.8);
}

TEST(Kmers, SameBytesEveryTime) {
  const Set train = motif_set(200, 3);
  const LinearTargets targets = LinearTargets::from(train.truth);
  EXPECT_EQ(KmerBaseline(train.sequences, targets).predict(train.sequences),
            KmerBaseline(train.sequences, targets).predict(train.sequences));
}

/// Standardised frequencies of A T C G, as the baseline defines them.
Eigen::MatrixXd standardised_bases(const std::vector<std::string>& sequences) {
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(sequences.size()), 4);
  for (Eigen::Index r = 0; r < x.rows(); ++r) {
    const std::string& bases = sequences[static_cast<std::size_t>(r)];
    for (const char c : bases) {
      x(r, static_cast<Eigen::Index>(std::string("ATCG").find(c))) += 1.0 / bases.size();
    }
  }
  for (Eigen::Index c = 0; c < 4; ++c) {
    x.col(c).array() -= x.col(c).mean();
    x.col(c) /= std::sqrt(x.col(c).squaredNorm() / static_cast<double>(x.rows()));
  }
  return x;
}

TEST(Kmers, RidgeAgreesWithTheClosedForm) {
  core::Rng rng(4);
  Predictions truth;
  truth.task = model::HeadTask::regression;
  truth.targets = {"y"};
  std::vector<std::string> sequences;
  for (int i = 0; i < 40; ++i) {
    sequences.push_back(random_bases(rng, 20));
    truth.truth.push_back(5 * gc_content(sequences.back()) + rng.normal());
  }
  KmerBaselineOptions options;
  options.smallest_k = options.largest_k = 1;
  options.penalties = {0.2};
  const KmerBaseline ridge(sequences, LinearTargets::from(truth), options);
  const Eigen::MatrixXd x = standardised_bases(sequences);
  const Eigen::VectorXd y = Eigen::Map<const Eigen::VectorXd>(truth.truth.data(), 40);
  // Minimum of |y - mean - x w|^2 / 2n + penalty |w|^2 / 2.
  const Eigen::VectorXd w = (x.transpose() * x / 40 + 0.2 * Eigen::MatrixXd::Identity(4, 4))
                                .ldlt()
                                .solve(x.transpose() * (y.array() - y.mean()).matrix() / 40);
  const Eigen::VectorXd expected = (x * w).array() + y.mean();
  const auto numbers = ridge.predict(sequences);
  for (Eigen::Index r = 0; r < 40; ++r) {
    EXPECT_NEAR(numbers[0][static_cast<std::size_t>(r)], expected[r], 1e-4);
  }
}

TEST(Kmers, LogisticFitIsStationary) {
  core::Rng rng(6);
  Predictions truth;
  truth.targets = {"a", "b"};
  std::vector<std::string> sequences;
  for (int i = 0; i < 60; ++i) {
    sequences.push_back(random_bases(rng, 20));
    truth.labels.push_back(gc_content(sequences.back()) + 0.1 * rng.normal() > 0.55 ? 1 : 0);
  }
  KmerBaselineOptions options;
  options.smallest_k = options.largest_k = 1;
  options.penalties = {0.05};
  const auto logits =
      KmerBaseline(sequences, LinearTargets::from(truth), options).predict(sequences)[0];
  // At the optimum the balanced residuals sum to 0, and penalty * w = x^T residual; the logits
  // are x w + b, so both can be told from them.
  const Eigen::MatrixXd x = standardised_bases(sequences);
  double positives = 0;
  for (const std::int32_t label : truth.labels) positives += label;
  Eigen::VectorXd residual(60);
  for (Eigen::Index r = 0; r < 60; ++r) {
    const auto i = static_cast<std::size_t>(r);
    residual[r] = (truth.labels[i] - 1 / (1 + std::exp(-logits[i]))) *
                  (truth.labels[i] ? 0.5 / positives : 0.5 / (60 - positives));
  }
  EXPECT_NEAR(residual.sum(), 0, 1e-4);
  const Eigen::VectorXd w = x.transpose() * residual / 0.05;
  const double offset = logits[0] - x.row(0).dot(w);
  for (Eigen::Index r = 0; r < 60; ++r) {
    EXPECT_NEAR(x.row(r).dot(w) + offset, logits[static_cast<std::size_t>(r)], 1e-3);
  }
}

TEST(Kmers, MissingTruthAndSeveralColumns) {
  core::Rng rng(5);
  Predictions truth;
  truth.task = model::HeadTask::multi_label;
  truth.targets = {"c_rich", "g_rich"};
  std::vector<std::string> sequences;
  for (int i = 0; i < 300; ++i) {
    const std::string bases = random_bases(rng, 40);
    sequences.push_back(bases);
    const auto count = [&](char c) { return std::count(bases.begin(), bases.end(), c); };
    truth.truth.push_back(i % 4 == 0 ? kNan : count('C') > 10 ? 1 : 0);
    truth.truth.push_back(count('G') > 10 ? 1 : 0);
  }
  const LinearTargets targets = LinearTargets::from(truth);
  truth.outputs = targets.outputs(KmerBaseline(sequences, targets).predict(sequences));
  const auto metrics = evaluate_predictions(truth, {0, 1});
  EXPECT_GT(metrics[0].value, 0.95);
  EXPECT_EQ(metrics[0].name, "AUROC");
}

TEST(Kmers, ThreeClassesHaveOneColumnEach) {
  core::Rng rng(7);
  Predictions truth;
  truth.targets = {"a", "b", "c"};
  std::vector<std::string> sequences;
  const std::array<std::string, 3> motifs = {"TATAAA", "GGGCGG", "CCAATC"};
  for (std::int32_t i = 0; i < 300; ++i) {
    truth.labels.push_back(i % 3);
    sequences.push_back(random_bases(rng, 10) + motifs[static_cast<std::size_t>(i % 3)] +
                        random_bases(rng, 10));
  }
  const LinearTargets targets = LinearTargets::from(truth);
  ASSERT_EQ(targets.columns.size(), 3u);
  truth.outputs = targets.outputs(KmerBaseline(sequences, targets).predict(sequences));
  const auto metrics = evaluate_predictions(truth, {0, 1});
  EXPECT_GT(metrics[0].value, 0.9);
}

}  // namespace
}  // namespace dnabird::train
