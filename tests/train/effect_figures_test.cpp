#include "train/effect_figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace dnabird::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const Metric& find(const std::vector<Metric>& metrics, const std::string& group,
                   const std::string& target, const std::string& name) {
  for (const Metric& metric : metrics) {
    if (metric.group == group && metric.target == target && metric.name == name) return metric;
  }
  throw std::runtime_error("no metric " + group + " " + target + " " + name);
}

ScoredEffects two_contigs() {
  ScoredEffects effects;
  effects.contigs = {"F9", "F9", "F9", "F9", "LDLR", "LDLR", "LDLR"};
  effects.truth = {-2, -1, 0.5, 1, 3, 2, -4};
  effects.score_names = {"LLR", "DIST"};
  effects.scores = {{-4, -2, 1, 2, kNan, 1, 2}, {4, 1, 0, 2, 2, 1, 3}};
  return effects;
}

TEST(EffectFigures, PerContigAndInAll) {
  const auto metrics = effect_figures(two_contigs(), {1.5, {100, 1}});
  EXPECT_DOUBLE_EQ(find(metrics, "F9", "LLR", "Pearson").value, 1);
  EXPECT_DOUBLE_EQ(find(metrics, "F9", "LLR", "Spearman").value, 1);
  EXPECT_EQ(find(metrics, "F9", "LLR", "Spearman").n, 4);
  EXPECT_DOUBLE_EQ(find(metrics, "LDLR", "LLR", "Spearman").value, -1);
  EXPECT_EQ(find(metrics, "LDLR", "LLR", "Spearman").n, 2);
  EXPECT_EQ(find(metrics, "all", "LLR", "Spearman").n, 6);
  // |DIST| against |truth| on LDLR: 2 1 3 against 3 2 4.
  EXPECT_DOUBLE_EQ(find(metrics, "LDLR", "|DIST|", "Spearman").value, 1);
  EXPECT_DOUBLE_EQ(find(metrics, "LDLR", "|DIST|", "Pearson").value, 1);
  // F9: only the first exceeds 1.5, and it has the largest distance and the lowest LLR.
  EXPECT_DOUBLE_EQ(find(metrics, "F9", "DIST", "AUROC").value, 1);
  EXPECT_DOUBLE_EQ(find(metrics, "F9", "LLR", "AUROC").value, 0);
  EXPECT_DOUBLE_EQ(find(metrics, "F9", "|LLR|", "AUROC").value, 1);
  EXPECT_LE(find(metrics, "all", "DIST", "Pearson").interval.low,
            find(metrics, "all", "DIST", "Pearson").value);
}

TEST(EffectFigures, NoAurocWithoutThresholdOrFlag) {
  const auto metrics = effect_figures(two_contigs(), {0, {0, 1}});
  EXPECT_THROW(find(metrics, "all", "LLR", "AUROC"), std::runtime_error);
  EXPECT_EQ(metrics.size(), 3u * 2 * 2 * 2);
}

TEST(EffectFigures, AFlagIsItsOwnLabel) {
  ScoredEffects effects;
  effects.contigs = {"z", "z", "z", "z"};
  effects.truth = {1, 0, 1, 0};
  effects.score_names = {"LLR"};
  effects.scores = {{-3, 1, -2, -2.5}};
  const auto metrics = effect_figures(effects, {0, {0, 1}});
  EXPECT_DOUBLE_EQ(find(metrics, "all", "LLR", "AUROC").value, 0.25);
  EXPECT_DOUBLE_EQ(find(metrics, "all", "|LLR|", "AUROC").value, 0.75);
  for (const Metric& metric : metrics) EXPECT_EQ(metric.group, "all");  // one contig: no group
}

}  // namespace
}  // namespace dnabird::train
