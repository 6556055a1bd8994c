// The gradients of both tasks, in double: against finite differences of their own losses, and
// however a step is split into batches.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "core/device.h"
#include "core/rng.h"
#include "support/compare.h"
#include "support/recording_kernel_set.h"
#include "support/training_case.h"
#include "train/head_task.h"
#include "train/masked_lm.h"

namespace dnabird::train {
namespace {

using model::HeadTask;

/// Of different lengths, so that a step needs several batches however it is split.
std::vector<std::string> random_sequences(std::size_t n) {
  core::Rng rng(5);
  std::vector<std::string> sequences(n);
  for (std::string& bases : sequences) {
    for (std::uint64_t i = 20 + rng.below(40); i > 0; --i) bases += "ACGT"[rng.below(4)];
  }
  return sequences;
}

struct Split {
  std::int64_t batch_size, accumulate;
};

class Setting {
 public:
  Setting(HeadTask task, double dropout) : Setting(task, dropout, core::open_reference()) {}
  Setting(HeadTask task, double dropout, std::unique_ptr<core::KernelSet> kernels)
      : kernels_(std::move(kernels)), tokenizer_(2, 1) {
    model::ModelConfig config = test::small_config(task, kernels::Gelu::tanh);
    config.dropout = dropout;
    model_ = std::make_unique<model::Model>(*kernels_, config);
    test::randomize(*model_, 3);
    replicas_ = std::make_unique<Replicas>(*model_);
    data_.task = task;
    data_.targets = config.targets;
    data_.sequences = random_sequences(12);
    core::Rng rng(9);
    for (std::size_t i = 0; i < data_.sequences.size(); ++i) {
      if (task == HeadTask::classification) {
        data_.labels.push_back(static_cast<std::int32_t>(rng.below(3)));
      } else {
        for (int k = 0; k < 3; ++k) {
          const double value =
              task == HeadTask::multi_label ? static_cast<double>(rng.below(2)) : 10 + rng.normal();
          data_.truth.push_back(rng.below(4) == 0 ? NAN : static_cast<float>(value));
        }
      }
    }
  }

  model::Model& model() { return *model_; }

  std::unique_ptr<TrainingTask> head_task(const Split& split) {
    HeadOptions options;
    options.step = {split.batch_size, split.accumulate};
    if (data_.task == HeadTask::classification) options.weights = {1, 2, 0.5};
    options.both_strands = true;
    options.masked_lm_weight = 0.3;
    options.masking.fraction = 0.3;
    return std::make_unique<HeadTrainingTask>(*replicas_, tokenizer_, data_, data_, options);
  }

  std::unique_ptr<TrainingTask> masked_task(const Split& split) {
    data::SequenceSource source{"x.fa", {}};
    for (const std::string& bases : data_.sequences) source.sequences.push_back({"s", bases});
    data::WindowOptions windows;
    windows.window = 50;
    sampler_ = std::make_unique<data::WindowSampler>(std::vector{source}, windows);
    MaskedLmOptions options;
    options.step = {split.batch_size, split.accumulate};
    options.masking.fraction = 0.3;
    return std::make_unique<MaskedLmTask>(*replicas_, tokenizer_, *sampler_, nullptr, options);
  }

  /// Gradients of step 1, whatever came before.
  std::vector<double> gradients(TrainingTask& task) {
    model_->parameters().gradients().zero();
    const nlohmann::json place = task.place();
    task.seek(place);
    task.accumulate(1);
    loss_ = task.loss().loss;
    task.seek(place);
    return model_->parameters().gradients().to_doubles();
  }
  double loss() const { return loss_; }

 private:
  std::unique_ptr<kernels::KernelSet> kernels_;
  seq::KmerTokenizer tokenizer_;
  std::unique_ptr<model::Model> model_;
  std::unique_ptr<Replicas> replicas_;
  data::LabelledData data_;
  std::unique_ptr<data::WindowSampler> sampler_;
  double loss_ = 0;
};

/// Along a random direction: d(loss) = gradient . direction.
void expect_gradient_of_loss(Setting& setting, TrainingTask& task) {
  const std::vector<double> gradient = setting.gradients(task);
  core::Tensor& values = setting.model().parameters().values();
  const std::vector<double> start = values.to_doubles();
  const std::vector<double> direction =
      test::RandomValues(4).normals(static_cast<std::int64_t>(start.size()));
  double expected = 0;
  for (std::size_t i = 0; i < start.size(); ++i) expected += gradient[i] * direction[i];
  const double h = 1e-5;
  const auto loss_at = [&](double along) {
    std::vector<double> moved = start;
    for (std::size_t i = 0; i < start.size(); ++i) moved[i] += along * direction[i];
    values.set(std::span<const double>(moved));
    setting.gradients(task);
    return setting.loss();
  };
  const double actual = (loss_at(h) - loss_at(-h)) / (2 * h);
  EXPECT_NEAR(actual, expected, 1e-6 * std::abs(expected));
  EXPECT_NE(expected, 0);
}

class HeadTaskGradient : public testing::TestWithParam<HeadTask> {};

TEST_P(HeadTaskGradient, IsThatOfTheLossItReports) {
  Setting setting(GetParam(), 0.2);
  expect_gradient_of_loss(setting, *setting.head_task({4, 2}));
}

TEST_P(HeadTaskGradient, DoesNotDependOnTheSplit) {
  Setting setting(GetParam(), 0);
  const std::vector<double> whole = setting.gradients(*setting.head_task({8, 1}));
  const double loss = setting.loss();
  const std::vector<double> split = setting.gradients(*setting.head_task({2, 4}));
  EXPECT_NEAR(setting.loss(), loss, 1e-12 * loss);
  EXPECT_LE(test::relative_error(split, whole).worst(), 1e-11);
}

INSTANTIATE_TEST_SUITE_P(Tasks, HeadTaskGradient,
                         testing::Values(HeadTask::classification, HeadTask::multi_label,
                                         HeadTask::regression));

TEST(MaskedLmTask, GradientIsThatOfTheLossItReports) {
  Setting setting(HeadTask::none, 0.2);
  expect_gradient_of_loss(setting, *setting.masked_task({4, 2}));
}

TEST(MaskedLmTask, GradientDoesNotDependOnTheSplit) {
  Setting setting(HeadTask::none, 0);
  const std::vector<double> whole = setting.gradients(*setting.masked_task({8, 1}));
  const std::vector<double> split = setting.gradients(*setting.masked_task({2, 4}));
  EXPECT_LE(test::relative_error(split, whole).worst(), 1e-11);
}

TEST(MaskedLmTask, WithoutABatchSizeHalvesItsPassesUntilTheyFit) {
  const auto kernels = [] {
    return std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1), true);
  };
  auto small = kernels();
  test::RecordingKernelSet& memory = *small;
  Setting setting(HeadTask::none, 0.2, std::move(small));
  const auto task = setting.masked_task({0, 1});
  memory.limit_allocations(40000);
  setting.model().parameters().gradients();
  task->accumulate(1);
  const double loss = task->loss().loss;
  const std::vector<double> found = setting.model().parameters().gradients().to_doubles();
  const auto pass = task->place().at("pass").get<std::int64_t>();
  EXPECT_LT(pass, 32);
  ASSERT_EQ(32 % pass, 0);
  Setting asked(HeadTask::none, 0.2, kernels());
  EXPECT_EQ(asked.gradients(*asked.masked_task({pass, 32 / pass})), found);
  EXPECT_EQ(asked.loss(), loss);
  memory.limit_allocations(100);
  EXPECT_THROW(task->accumulate(2), kernels::OutOfMemory);
  const auto fixed = setting.masked_task({32, 1});
  memory.limit_allocations(40000);
  EXPECT_THROW(fixed->accumulate(1), kernels::OutOfMemory);
}

TEST(MaskedLmTask, GivesUpCapturedWorkBeforeItsPassesShrink) {
  const auto kernels = [] {
    return std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1));
  };
  auto small = kernels();
  test::RecordingKernelSet& memory = *small;
  Setting setting(HeadTask::none, 0.2, std::move(small)), roomy(HeadTask::none, 0.2, kernels());
  // Passes of a size that was asked for cannot shrink.
  const auto task = setting.masked_task({4, 4}), expected = roomy.masked_task({4, 4});
  const auto step = [](Setting& its, TrainingTask& task, int n) {
    task.accumulate(n);
    const double loss = task.loss().loss;
    std::vector<double> all = its.model().parameters().gradients().to_doubles();
    all.push_back(loss);
    return all;
  };
  for (int n = 1; n <= 2; ++n) EXPECT_EQ(step(setting, *task, n), step(roomy, *expected, n));
  const int captured = memory.captured();
  EXPECT_GT(captured, 0);
  memory.let_captured_take_all();
  for (int n = 3; n <= 5; ++n) EXPECT_EQ(step(setting, *task, n), step(roomy, *expected, n));
  EXPECT_EQ(memory.captured(), captured);
}

TEST(MaskedLmTask, GoesOnWhereItsPlaceSays) {
  Setting setting(HeadTask::none, 0.2);
  const auto task = setting.masked_task({3, 1});
  for (int step = 1; step <= 5; ++step) {  // into the second epoch
    task->accumulate(step);
    task->loss();
  }
  const nlohmann::json place = task->place();
  const std::vector<double> next = setting.gradients(*task);
  const auto other = setting.masked_task({3, 1});
  other->seek(place);
  EXPECT_EQ(setting.gradients(*other), next);
  other->accumulate(1);
  other->loss();
  EXPECT_NE(setting.gradients(*other), next);
}

TEST(MaskedDevSet, HidesTheSameBasesEveryTimeAndNothingShowsThem) {
  const auto kernels = core::open_reference();
  const seq::KmerTokenizer tokenizer(2, 1);
  model::Model uniform(*kernels, test::small_config(HeadTask::none, kernels::Gelu::tanh));
  const MaskedDevSet set(random_sequences(20), tokenizer, {});
  const MaskedScore score = set.score(uniform);  // all zeros: 1/21 for every token
  EXPECT_NEAR(score.loss(), std::log(21.0), 1e-12);
  EXPECT_GT(score.tokens, 50);
  EXPECT_GT(score.hidden, score.tokens / 2);
  EXPECT_NEAR(score.bits_per_base(),
              static_cast<double>(score.tokens) * std::log2(21.0) / score.hidden, 1e-9);
  test::randomize(uniform, 1);
  const MaskedScore first = set.score(uniform);
  const MaskedScore again = MaskedDevSet(random_sequences(20), tokenizer, {}).score(uniform);
  EXPECT_EQ(first.loss_sum, again.loss_sum);
  EXPECT_EQ(first.called, again.called);
  EXPECT_NE(first.loss_sum, score.loss_sum);
}

TEST(PlanBatches, KeepsTheRowsOfABatchTogetherAndSplitsByBlocks) {
  TokenRows rows;
  for (const std::size_t length : {5, 40, 6, 7, 41, 17}) rows.inputs.emplace_back(length, 3);
  using Batches = std::vector<std::vector<std::size_t>>;
  EXPECT_EQ(plan_batches(rows, 4, 16), (Batches{{0, 2, 3}, {1}, {5}, {4}}));
  EXPECT_EQ(plan_evaluation(rows, 16), (Batches{{0, 2, 3}, {5}, {1, 4}}));
}

}  // namespace
}  // namespace dnabird::train
