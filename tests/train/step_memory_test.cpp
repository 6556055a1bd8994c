// A step after the first ones finds all its memory where the last one left it.
#include <gtest/gtest.h>

#include <string>

#include "core/device.h"
#include "core/errors.h"
#include "ops/sums.h"
#include "support/training_case.h"
#include "train/optimizer.h"

namespace dnabird::train {
namespace {

model::ModelConfig config_of_steps() {
  model::ModelConfig config =
      test::small_config(model::HeadTask::classification, kernels::Gelu::tanh);
  config.positions = 144;
  config.channels = 32;
  config.feed_forward = 64;
  return config;
}

struct Kernels {
  const char* device;
  const char* precision;
};

class StepMemory : public testing::TestWithParam<Kernels> {
 protected:
  void SetUp() override {
    const auto [device, precision] = GetParam();
    try {
      kernels_ = core::open_device(device, precision, 2);
    } catch (const core::UsageError& error) {
      if (std::string(device) == "cpu") throw;
      GTEST_SKIP() << error.what();
    }
  }
  std::unique_ptr<core::KernelSet> kernels_;
};

TEST_P(StepMemory, TrainingAsksTheSystemForNothing) {
  const model::ModelConfig config = config_of_steps();
  test::TrainingCase training(*kernels_, config, {144, 130, 129});
  AdamW optimizer(training.model().parameters(), {});
  auto step = [&, n = 0]() mutable {
    training.backward();
    optimizer.update(++n, 1e-4, 1, ops::sum_of_squares(training.model().parameters().gradients()));
  };
  // The second one runs while the outputs of the first are still held.
  step();
  step();
  const std::int64_t before = kernels_->system_allocations();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(kernels_->system_allocations(), before);
}

TEST_P(StepMemory, BatchesAskTheSystemForNothing) {
  model::Model model(*kernels_, config_of_steps());
  test::randomize(model, 4);
  const auto batch = [&](std::int64_t length) {
    const std::vector<std::vector<std::int32_t>> ids(3, std::vector<std::int32_t>(length, 7));
    model.head_output(model.encode_cls(model::make_token_batch(*kernels_, ids, 16)));
    model.encode(model::make_token_batch(*kernels_, ids, 16));
  };
  for (const std::int64_t length : {144, 100}) batch(length);
  const std::int64_t before = kernels_->system_allocations();
  for (const std::int64_t length : {100, 144, 144, 100}) batch(length);
  EXPECT_EQ(kernels_->system_allocations(), before);
}

INSTANTIATE_TEST_SUITE_P(Train, StepMemory,
                         testing::Values(Kernels{"cpu", "f32"}, Kernels{"cpu", "auto"},
                                         Kernels{"cuda", "f32"}, Kernels{"cuda", "bf16"}),
                         [](const auto& info) {
                           return std::string(info.param.device) + "_" + info.param.precision;
                         });

}  // namespace
}  // namespace dnabird::train
