#include "benchmarks/model_run.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "benchmarks/flops.h"
#include "core/device.h"

namespace dnabird {
namespace {

using benchmarks::Loss;

class ModelRunTest : public testing::Test {
 protected:
  static model::ModelConfig config() {
    model::ModelConfig config;
    config.vocabulary = 69;
    config.layers = 2;
    config.channels = 32;
    config.heads = 2;
    config.feed_forward = 64;
    config.block_size = 16;
    config.random_blocks = 1;
    return config;
  }
  ModelRunTest() { model_.initialize(1); }

  std::unique_ptr<core::KernelSet> kernels_ = core::open_device("cpu", "f32", 1);
  model::Model model_{*kernels_, config()};
  benchmarks::ModelRun run_{model_, benchmarks::random_sequences(2, 200, 69)};
};

TEST_F(ModelRunTest, ForwardIsTheModelsEncoder) {
  const auto batch =
      model::make_token_batch(*kernels_, benchmarks::random_sequences(2, 200, 69), 16);
  EXPECT_EQ(run_.forward().to_floats(), model_.encode(batch).to_floats());
}

TEST_F(ModelRunTest, StepsLowerTheLossOfHiddenStates) {
  const double first = run_.training_step(Loss::hidden);
  double last = first;
  for (int step = 0; step < 20; ++step) last = run_.training_step(Loss::hidden);
  EXPECT_NEAR(first, 1, 0.2);  // behind a norm
  EXPECT_LT(last, first);
}

TEST_F(ModelRunTest, StepsLowerTheLossOfMaskedTokens) {
  run_.label_every_seventh();
  EXPECT_EQ(run_.labelled(), 57);
  double first = 0, last = 0;  // of ten steps each: dropout makes single ones waver
  for (int step = 0; step < 60; ++step) {
    const double loss = run_.training_step(Loss::masked_tokens);
    if (step < 10) first += loss / 10;
    if (step >= 50) last += loss / 10;
  }
  EXPECT_LT(last, first);
}

TEST_F(ModelRunTest, LogitsAreThoseOfTheRows) {
  const std::vector<float> all = [&] {
    std::vector<std::int32_t> rows(400);
    for (int i = 0; i < 400; ++i) rows[i] = i;
    return run_.logits(rows).to_floats();
  }();
  const std::vector<float> some = run_.logits({3, 399}).to_floats();
  EXPECT_EQ(some, [&] {
    std::vector<float> expected(all.begin() + 3 * 69, all.begin() + 4 * 69);
    expected.insert(expected.end(), all.begin() + 399 * 69, all.end());
    return expected;
  }());
}

TEST_F(ModelRunTest, AStepInBf16StartsAtTheSameLoss) {
  if (!kernels::has_bf16("cpu")) GTEST_SKIP() << "a processor without bf16";
  const auto kernels = core::open_device("cpu", "bf16", 1);
  model::Model model(*kernels, config());
  model.initialize(1);
  benchmarks::ModelRun run(model, benchmarks::random_sequences(2, 200, 69));
  const double loss = run.training_step(Loss::hidden);
  EXPECT_NEAR(run_.training_step(Loss::hidden), loss, 2e-2 * loss);
}

TEST_F(ModelRunTest, LabelsAreNeededForMaskedTokens) {
  EXPECT_THROW(run_.training_step(Loss::masked_tokens), std::logic_error);
}

TEST_F(ModelRunTest, WorkOfAStepIsThreeTimesThatOfForward) {
  EXPECT_DOUBLE_EQ(run_.training_step_flops(Loss::hidden), 3 * run_.forward_flops());
  run_.label_every_seventh();
  const std::int64_t not_read = run_.tokens() - 57;
  EXPECT_DOUBLE_EQ(run_.training_step_flops(Loss::masked_tokens),
                   3 * (run_.forward_flops() + benchmarks::masked_lm_flops(config(), 57) -
                        benchmarks::behind_attention_flops(config(), not_read)));
}

}  // namespace
}  // namespace dnabird
