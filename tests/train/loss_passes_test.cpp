// Steps given to a device as captured work are the steps that it computes call by call.
#include "train/loss_passes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "core/device.h"
#include "core/rng.h"
#include "support/compare.h"
#include "support/recording_kernel_set.h"
#include "support/training_case.h"

namespace dnabird::train {
namespace {

using model::HeadTask;
using test::RecordingKernelSet;

constexpr std::int64_t kSequences = 6;

/// Of one number of blocks; ids, labels and how many of them differ from step to step.
StepRows draw(std::uint64_t step, bool has_head) {
  core::Rng rng(11, step);
  StepRows drawn;
  for (std::int64_t i = 0; i < kSequences; ++i) {
    // The longest is always there, so that all steps have one shape but for the labels.
    const std::int64_t n = i == 0 ? 40 : 33 + static_cast<std::int64_t>(rng.below(8));
    std::vector<std::int32_t> ids, labels;
    for (std::int64_t t = 0; t < n; ++t) {
      ids.push_back(static_cast<std::int32_t>(5 + rng.below(16)));
      const bool labelled = t > 0 && rng.below(4) == 0;
      labels.push_back(labelled ? static_cast<std::int32_t>(5 + rng.below(16)) : -100);
    }
    drawn.rows.inputs.push_back(std::move(ids));
    drawn.rows.labels.push_back(std::move(labels));
    drawn.sources.push_back(rng.below(20));
  }
  drawn.token_scale = 1 / static_cast<double>(drawn.rows.labelled_tokens());
  if (has_head) drawn.head_scale = 0.1 + 0.01 * static_cast<double>(step);
  return drawn;
}

HeadTruth truth_of(HeadTask task) {
  core::Rng rng(3);
  HeadTruth truth;
  truth.task = task;
  truth.outputs = 3;
  for (int row = 0; row < 20; ++row) {
    truth.labels.push_back(static_cast<std::int32_t>(rng.below(3)));
    for (int k = 0; k < 3; ++k) {
      truth.truth.push_back(task == HeadTask::multi_label ? static_cast<float>(rng.below(2))
                                                          : static_cast<float>(rng.normal()));
    }
  }
  if (task == HeadTask::classification) truth.weights = {1, 2, 0.5};
  return truth;
}

/// A model on kernels of its own.
struct Learner {
  Learner(std::unique_ptr<core::KernelSet> its_kernels, HeadTask task, const HeadTruth* truth,
          double dropout)
      : kernels(std::move(its_kernels)),
        model(*kernels, config(task, dropout)),
        passes(model, truth) {
    test::randomize(model, 5);
  }
  static model::ModelConfig config(HeadTask task, double dropout) {
    model::ModelConfig config = test::small_config(task, kernels::Gelu::tanh);
    config.dropout = dropout;
    return config;
  }
  /// Gradients and losses of step 1, 2, ...
  std::vector<float> step(std::uint64_t number, bool has_head) {
    model.parameters().gradients().zero();
    const StepRows rows = draw(number, has_head);
    const std::vector<std::size_t> all{0, 1, 2, 3, 4, 5}, some{0, 2};
    passes.add({rows, all, 9, 100 + number});
    passes.add({rows, some, 9, 200 + number});
    losses = passes.take_losses();
    return model.parameters().gradients().to_floats();
  }
  std::unique_ptr<core::KernelSet> kernels;
  model::Model model;
  LossPasses passes;
  std::vector<LossSums> losses;
};

std::unique_ptr<core::KernelSet> cpu() { return core::open_device("cpu", "f32", 1); }

class CapturedPasses : public testing::TestWithParam<HeadTask> {};

TEST_P(CapturedPasses, HaveTheBytesOfThoseThatAreNot) {
  const HeadTruth truth = truth_of(GetParam());
  const bool has_head = GetParam() != HeadTask::none;
  const HeadTruth* learnt = has_head ? &truth : nullptr;
  auto recorder = std::make_unique<RecordingKernelSet>(cpu());
  const RecordingKernelSet& recording = *recorder;
  Learner captured(std::move(recorder), GetParam(), learnt, 0.2);
  Learner plain(std::make_unique<RecordingKernelSet>(cpu(), true), GetParam(), learnt, 0.2);
  for (std::uint64_t step = 1; step <= 8; ++step) {
    ASSERT_EQ(captured.step(step, has_head), plain.step(step, has_head)) << "step " << step;
    ASSERT_EQ(captured.losses.size(), 2u);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(captured.losses[i].tokens, plain.losses[i].tokens) << "step " << step;
      EXPECT_EQ(captured.losses[i].head, plain.losses[i].head) << "step " << step;
    }
  }
  EXPECT_GE(recording.captured(), 2);
  EXPECT_GT(recording.runs(), recording.captured());
}

TEST_P(CapturedPasses, LearnNothingFromRowsThatFillAShapeUp) {
  const HeadTruth truth = truth_of(GetParam());
  const bool has_head = GetParam() != HeadTask::none;
  const HeadTruth* learnt = has_head ? &truth : nullptr;
  // Without dropout, whose draws in the last layer hang on the rows that are computed.
  Learner filled(std::make_unique<RecordingKernelSet>(cpu()), GetParam(), learnt, 0);
  Learner exact(cpu(), GetParam(), learnt, 0);
  for (std::uint64_t step = 1; step <= 8; ++step) {
    const std::vector<float> actual = filled.step(step, has_head);
    const std::vector<float> expected = exact.step(step, has_head);
    EXPECT_TRUE(test::close(std::vector<double>(actual.begin(), actual.end()),
                            std::vector<double>(expected.begin(), expected.end()), 1e-5));
    for (int i = 0; i < 2; ++i) {
      EXPECT_NEAR(filled.losses[i].tokens, exact.losses[i].tokens, 1e-4);
      EXPECT_NEAR(filled.losses[i].head, exact.losses[i].head, 1e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Train, CapturedPasses,
                         testing::Values(HeadTask::none, HeadTask::classification,
                                         HeadTask::multi_label, HeadTask::regression));

TEST(LossPasses, PassWithoutALossIsRefused) {
  Learner learner(cpu(), HeadTask::none, nullptr, 0.2);
  StepRows rows = draw(1, false);
  for (auto& labels : rows.rows.labels) labels.assign(labels.size(), -100);
  const std::vector<std::size_t> all{0, 1};
  EXPECT_FALSE(learner.passes.has_loss(rows, all));
  EXPECT_THROW(learner.passes.add({rows, all, 1, 1}), std::logic_error);
}

}  // namespace
}  // namespace dnabird::train
