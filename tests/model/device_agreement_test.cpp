// The CPU's kernels against the reference in double, for the whole model.
#include <gtest/gtest.h>

#include <cmath>

#include "core/device.h"
#include "support/compare.h"
#include "support/device_test.h"
#include "support/training_case.h"

namespace dnabird::test {
namespace {

using model::HeadTask;

/// Of outputs by norm, and of the worst to the largest; of gradients in both ways; of gradients
/// that are zero but for rounding, to the largest of all. Measured when this was written: 6e-7 for
/// outputs; 2e-6 for gradients, which are sums over all tokens; in bf16 9e-3 and 2.1e-2 for
/// outputs.
struct Tolerance {
  double outputs = 1e-5, worst_output = 1e-5, gradients = 1e-5, zeros = 1e-6;
};
constexpr Tolerance kOfBf16{2e-2, 3e-2, 5e-2, 1e-2};

model::ModelConfig wider_config(HeadTask task, kernels::Gelu gelu) {
  model::ModelConfig config = small_config(task, gelu);
  config.channels = 48;
  config.heads = 3;
  config.feed_forward = 96;
  config.layers = 3;
  config.positions = 700;
  return config;
}

class ModelOnDevice : public DeviceTest {
 protected:
  static Tolerance tolerance() { return computes_in_bf16(GetParam()) ? kOfBf16 : Tolerance{}; }

  enum class Pattern { drawn, lists };
  enum class Rows { all, of_losses };

  void compare(const model::ModelConfig& config, const std::vector<std::int64_t>& lengths,
               Pattern pattern, Rows rows = Rows::all) {
    const auto reference = core::open_reference();
    TrainingCase truth(*reference, config, lengths), tested(*kernels_, config, lengths);
    if (rows == Rows::of_losses) {
      truth.read_few_rows();
      tested.read_few_rows();
    }
    if (pattern == Pattern::lists) {
      truth.use_random_lists();
      tested.use_random_lists();
    }
    truth.backward();
    tested.backward();
    EXPECT_NEAR(tested.loss(), truth.loss(), tolerance().outputs * truth.loss());
    for (const auto& [name, expected] : truth.outputs()) {
      EXPECT_TRUE(close_where_tokens_are(name, tested, truth)) << name;
    }
    compare_gradients(tested, truth);
  }

  /// Rows behind a sequence's end have no meaning.
  static ::testing::AssertionResult close_where_tokens_are(const std::string& name,
                                                           const TrainingCase& tested,
                                                           const TrainingCase& truth) {
    std::vector<double> actual = tested.outputs().at(name).to_doubles();
    std::vector<double> expected = truth.outputs().at(name).to_doubles();
    if (name == "hidden") {
      const std::vector<std::int32_t> lengths = truth.batch().lengths.to_ints();
      const core::Tensor& hidden = truth.outputs().at(name);
      for (std::int64_t b = 0; b < hidden.dim(0); ++b) {
        for (std::int64_t i = lengths[b] * hidden.dim(2); i < hidden.dim(1) * hidden.dim(2); ++i) {
          const std::int64_t at = b * hidden.dim(1) * hidden.dim(2) + i;
          EXPECT_TRUE(std::isfinite(actual[at]));
          actual[at] = expected[at] = 0;
        }
      }
    }
    EXPECT_LE(relative_error(actual, expected).by_norm, tolerance().outputs) << name;
    return close(actual, expected, tolerance().worst_output);
  }

  static void compare_gradients(TrainingCase& tested, TrainingCase& truth) {
    double largest = 0;
    for (const double g : truth.model().parameters().gradients().to_doubles()) {
      largest = std::max(largest, std::abs(g));
    }
    for (const model::ParameterInfo& parameter : truth.model().parameters().list()) {
      const auto actual = tested.model().parameters().gradient(parameter.name).to_doubles();
      const auto expected = truth.model().parameters().gradient(parameter.name).to_doubles();
      if (parameter.name.ends_with("self.key.bias")) {  // zero but for rounding
        for (const double g : actual)
          EXPECT_NEAR(g, 0, tolerance().zeros * largest) << parameter.name;
        continue;
      }
      EXPECT_TRUE(close(actual, expected, tolerance().gradients)) << parameter.name;
    }
  }
};

TEST_P(ModelOnDevice, agrees_with_the_reference_on_lists_with_multiplicities) {
  compare(small_config(HeadTask::classification, kernels::Gelu::tanh), {62, 51}, Pattern::lists);
  compare(small_config(HeadTask::regression, kernels::Gelu::erf), {49, 64, 50}, Pattern::lists);
}

TEST_P(ModelOnDevice, agrees_with_the_reference_on_drawn_patterns) {
  compare(wider_config(HeadTask::multi_label, kernels::Gelu::tanh), {298, 290}, Pattern::drawn);
}

TEST_P(ModelOnDevice, agrees_with_the_reference_for_the_rows_that_losses_read) {
  compare(wider_config(HeadTask::classification, kernels::Gelu::tanh), {298, 290}, Pattern::drawn,
          Rows::of_losses);
}

TEST_P(ModelOnDevice, agrees_with_the_reference_in_larger_blocks) {
  model::ModelConfig config = wider_config(HeadTask::none, kernels::Gelu::erf);
  config.block_size = 64;
  config.layers = 2;
  compare(config, {600, 577}, Pattern::drawn);
  config.block_size = 32;
  compare(config, {257}, Pattern::drawn);
}

INSTANTIATE_TEST_SUITE_P(Model, ModelOnDevice, kDevices,
                         [](const auto& device) { return std::string(device.param); });
INSTANTIATE_TEST_SUITE_P(ModelInBf16, ModelOnDevice, kDevicesInBf16,
                         [](const auto& device) { return std::string(device.param); });

}  // namespace
}  // namespace dnabird::test
