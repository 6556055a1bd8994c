#include "train/head_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/device.h"
#include "support/errors.h"
#include "support/random_model.h"

namespace dnabird::train {
namespace {

using core::Tensor;
using model::HeadTask;
using support::throws_data_error;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

data::LabelledData values_of(HeadTask task, std::vector<std::string> targets,
                             std::vector<float> truth) {
  data::LabelledData data;
  data.task = task;
  data.targets = std::move(targets);
  data.truth = std::move(truth);
  data.sequences.resize(data.truth.size() / data.targets.size());
  data.paths = {"x.csv"};
  return data;
}

data::LabelledData classes_of(std::vector<std::string> targets, std::vector<std::int32_t> labels) {
  data::LabelledData data;
  data.targets = std::move(targets);
  data.labels = std::move(labels);
  data.sequences.resize(data.labels.size());
  data.paths = {"x.csv"};
  return data;
}

TEST(Standards, AreMeanAndDeviationOfWhatIsThere) {
  const auto data = values_of(HeadTask::regression, {"a", "b"}, {1, 5, kMissing, 5, 3, 5});
  const std::vector<Standard> standards = standards_of(data);
  EXPECT_DOUBLE_EQ(standards[0].mean, 2);
  EXPECT_DOUBLE_EQ(standards[0].deviation, 1);
  EXPECT_DOUBLE_EQ(standards[1].mean, 5);
  EXPECT_DOUBLE_EQ(standards[1].deviation, 1) << "a constant is not stretched";
  const HeadTruth truth = make_truth(data, standards, {});
  EXPECT_FLOAT_EQ(truth.truth[0], -1);
  EXPECT_TRUE(std::isnan(truth.truth[2]));
  EXPECT_FLOAT_EQ(truth.truth[4], 1);
  EXPECT_FLOAT_EQ(truth.truth[5], 0);
  const auto empty = values_of(HeadTask::regression, {"a", "b"}, {1, kMissing, 2, kMissing});
  EXPECT_THAT([&] { standards_of(empty); }, throws_data_error("x.csv", "'b'"));
}

TEST(Standards, MoveTheHeadToTheTargetsUnitsAndBack) {
  support::RandomModel made = support::random_model({.targets = {"a", "b"}});
  const std::vector<std::vector<std::int32_t>> rows = {made.tokenizer.encode("ACGTTGCATTGACA")};
  const model::TokenBatch batch = model::make_token_batch(*made.kernels, rows, 16);
  const auto output = [&] {
    return made.model->head_output(made.model->encode(batch)).to_doubles();
  };
  const std::vector<double> before = output();
  const std::vector<Standard> standards = {{100, 7}, {-3, 0.5}};
  to_target_units(standards, *made.model);
  EXPECT_NEAR(output()[0], 100 + 7 * before[0], 1e-3);
  EXPECT_NEAR(output()[1], -3 + 0.5 * before[1], 1e-5);
  to_standard_units(standards, *made.model);
  EXPECT_NEAR(output()[0], before[0], 1e-4);
  EXPECT_NEAR(output()[1], before[1], 1e-4);
}

TEST(BalancedWeights, MakeClassesCountTheSame) {
  const std::vector<double> weights = balanced_weights(classes_of({"n", "p"}, {0, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(weights[0], 4.0 / 6);
  EXPECT_DOUBLE_EQ(weights[1], 2);
  EXPECT_THAT(
      [] {
        balanced_weights(classes_of({"n", "p"}, {0, 0}));
      },
      throws_data_error("--class-weights", "x.csv", "'p'"));
}

TEST(BalancedWeights, WeighThePositivesOfEachLabel) {
  const auto data =
      values_of(HeadTask::multi_label, {"a", "b"}, {1, 0, 0, kMissing, 0, 1, 0, kMissing});
  const std::vector<double> weights = balanced_weights(data);
  EXPECT_DOUBLE_EQ(weights[0], 3);
  EXPECT_DOUBLE_EQ(weights[1], 1);
  const auto all = values_of(HeadTask::multi_label, {"a"}, {1, 1, kMissing});
  EXPECT_THAT([&] { balanced_weights(all); }, throws_data_error("--class-weights", "'a'"));
}

HeadLoss loss_of(const Tensor& output, const HeadTruth& truth,
                 const std::vector<std::size_t>& members, std::optional<kernels::LossScale> scale) {
  HeadBatch batch;
  set_head_batch(output.kernels(), truth, members, batch);
  return head_loss(output, truth.task, batch, scale);
}

TEST(HeadLoss, OfClassesIsAMeanByTheirWeights) {
  const auto kernels = core::open_reference();
  const HeadTruth truth = make_truth(classes_of({"n", "p"}, {1, 0, 1}), {}, {1, 3});
  const std::vector<std::size_t> members = {0, 1};
  EXPECT_DOUBLE_EQ(truth.scale(members), 1.0 / 4);
  const std::vector<double> logits = {0.5, 1.5, 2, 0};
  const Tensor output = Tensor::from_host(*kernels, {2, 2}, std::span<const double>(logits));
  const HeadLoss loss = loss_of(output, truth, members, truth.scale(members));
  const double expected = 3 * std::log1p(std::exp(-1.0)) + std::log1p(std::exp(-2.0));
  EXPECT_NEAR(loss.sum.to_doubles()[0], expected, 1e-12);
  const std::vector<double> gradient = loss.doutput.to_doubles();
  EXPECT_NEAR(gradient[0], 3.0 / 4 / (1 + std::exp(1.0)), 1e-12);
  EXPECT_NEAR(gradient[2], -1.0 / 4 / (1 + std::exp(2.0)), 1e-12);
  EXPECT_TRUE(loss_of(output, truth, members, {}).doutput.is_empty());
}

TEST(HeadLoss, LeavesMissingValuesOut) {
  const auto kernels = core::open_reference();
  const auto data = values_of(HeadTask::multi_label, {"a", "b"}, {1, kMissing, 0, 1});
  const HeadTruth truth = make_truth(data, {}, {});
  const std::vector<std::size_t> all = {0, 1}, first = {0};
  EXPECT_DOUBLE_EQ(truth.scale(all), 1.0 / 3);
  const std::vector<double> logits = {0, 9, 1, -1};
  const Tensor output = Tensor::from_host(*kernels, {2, 2}, std::span<const double>(logits));
  const HeadLoss loss = loss_of(output, truth, all, 1.0 / 3);
  EXPECT_NEAR(loss.sum.to_doubles()[0], std::log(2.0) + 2 * std::log1p(std::exp(1.0)), 1e-12);
  EXPECT_EQ(loss.doutput.to_doubles()[1], 0);
  const HeadTruth none = make_truth(values_of(HeadTask::multi_label, {"a"}, {kMissing}), {}, {});
  EXPECT_EQ(none.scale(first), 0) << "nothing to learn is not a division by zero";
}

TEST(HeadLoss, OfValuesIsTheMeanSquareInDeviations) {
  const auto kernels = core::open_reference();
  const auto data = values_of(HeadTask::regression, {"a"}, {10, 30, kMissing});
  const HeadTruth truth = make_truth(data, standards_of(data), {});
  const std::vector<std::size_t> all = {0, 1, 2};
  const std::vector<double> values = {0, 3, 5};
  const Tensor output = Tensor::from_host(*kernels, {3, 1}, std::span<const double>(values));
  EXPECT_DOUBLE_EQ(truth.scale(all) * loss_of(output, truth, all, {}).sum.to_doubles()[0],
                   (1 + 4) / 2.0);
}

TEST(HeadOutputs, AreThoseOfEachSequenceAlone) {
  const support::RandomModel made = support::random_model();
  TokenRows rows;
  for (const char* bases :
       {"ACGT", "ACGTTGCATTGACAGGGATTACAGATTACA", "TTTTT", "GGGATTACAGATTACATTTGACTGA"}) {
    rows.inputs.push_back(made.tokenizer.encode(bases));
  }
  const std::vector<double> outputs = head_outputs(*made.model, rows);
  ASSERT_EQ(outputs.size(), 8u);
  for (std::size_t row = 0; row < 4; ++row) {
    TokenRows one;
    one.inputs = {rows.inputs[row]};
    const std::vector<double> alone = head_outputs(*made.model, one);
    EXPECT_EQ(outputs[2 * row], alone[0]) << row;
    EXPECT_EQ(outputs[2 * row + 1], alone[1]) << row;
  }
}

}  // namespace
}  // namespace dnabird::train
