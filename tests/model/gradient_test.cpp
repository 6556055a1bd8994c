// The whole model against finite differences in double: every parameter tensor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "core/device.h"
#include "support/compare.h"
#include "support/gradcheck.h"
#include "support/training_case.h"

namespace dnabird::test {
namespace {

using model::HeadTask;

constexpr double kTolerance = 1e-6;
constexpr std::size_t kSampled = 8;

struct Setting {
  HeadTask task;
  kernels::Gelu gelu;
  std::vector<std::int64_t> lengths;
  bool lists;
  std::string name;
  std::function<void(model::ModelConfig&)> change = [](model::ModelConfig&) {};
  bool few_rows = false;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class ModelGradient : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    kernels_ = core::open_reference();
    const Setting& setting = GetParam();
    model::ModelConfig config = small_config(setting.task, setting.gelu);
    if (!setting.lists) config.positions = 112;
    setting.change(config);
    case_ = std::make_unique<TrainingCase>(*kernels_, config, setting.lengths);
    if (setting.lists) case_->use_random_lists();
    if (setting.few_rows) case_->read_few_rows();
    case_->backward();
  }

  /// The loss as a function of one parameter.
  ScalarFunction loss_of(const std::string& name) {
    return [this, name](const std::vector<double>& values) {
      core::Tensor value = case_->model().parameters().value(name);
      value.set(std::span<const double>(values));
      return case_->loss();
    };
  }

  std::vector<double> gradient(const std::string& name) const {
    return case_->model().parameters().gradient(name).to_doubles();
  }

  /// Elements of a tensor: all of a small one, else the largest gradients and random ones.
  std::vector<std::size_t> sample(const std::vector<double>& gradient, RandomValues& random) const {
    std::vector<std::size_t> order(gradient.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (order.size() <= kSampled) return order;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(gradient[a]) > std::abs(gradient[b]);
    });
    order.resize(kSampled / 2);
    while (order.size() < kSampled) {
      order.push_back(
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(gradient.size()))));
    }
    return order;
  }

  std::unique_ptr<core::KernelSet> kernels_;
  std::unique_ptr<TrainingCase> case_;
};

/// A key's bias adds the same to all scores of a query, so the softmax and the loss do not move.
bool vanishes(const std::string& name) { return name.ends_with("self.key.bias"); }

TEST_P(ModelGradient, equals_finite_differences_in_every_parameter) {
  RandomValues random(3);
  for (const model::ParameterInfo& parameter : case_->model().parameters().list()) {
    const std::vector<double> written = gradient(parameter.name);
    const std::vector<double> at = case_->model().parameters().value(parameter.name).to_doubles();
    const ScalarFunction loss = loss_of(parameter.name);
    std::vector<double> actual, expected, direction(at.size(), 0.0);
    for (const std::size_t i : sample(written, random)) {
      direction[i] = 1.0;
      actual.push_back(written[i]);
      expected.push_back(directional_derivative(loss, at, direction));
      direction[i] = 0.0;
    }
    loss(at);  // puts the parameter back
    if (vanishes(parameter.name)) {
      for (std::size_t i = 0; i < actual.size(); ++i) {
        EXPECT_NEAR(actual[i], 0, 1e-12) << parameter.name;
        EXPECT_NEAR(expected[i], 0, 1e-10) << parameter.name;
      }
      continue;
    }
    EXPECT_GT(*std::max_element(expected.begin(), expected.end()), 1e-6) << parameter.name;
    EXPECT_TRUE(close(actual, expected, kTolerance)) << parameter.name;
  }
}

TEST_P(ModelGradient, equals_finite_differences_along_a_direction_in_all_elements) {
  RandomValues random(4);
  for (const model::ParameterInfo& parameter : case_->model().parameters().list()) {
    if (vanishes(parameter.name)) continue;
    const std::vector<double> written = gradient(parameter.name);
    const std::vector<double> at = case_->model().parameters().value(parameter.name).to_doubles();
    // Along the gradient itself no cancellation hides an element; noise moves all others too.
    double norm = 0;
    for (const double g : written) norm += g * g;
    norm = std::sqrt(norm);
    std::vector<double> direction = random.normals(static_cast<std::int64_t>(at.size()),
                                                   0.3 / std::sqrt(static_cast<double>(at.size())));
    double slope = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      direction[i] += written[i] / norm;
      slope += direction[i] * written[i];
    }
    const double expected = directional_derivative(loss_of(parameter.name), at, direction);
    loss_of(parameter.name)(at);
    EXPECT_NEAR(slope, expected, kTolerance * std::abs(expected)) << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Reference, ModelGradient,
    ::testing::Values(
        Setting{HeadTask::classification, kernels::Gelu::tanh, {62, 51}, true, "classification"},
        Setting{HeadTask::multi_label, kernels::Gelu::erf, {62, 51}, true, "multi_label"},
        Setting{HeadTask::regression, kernels::Gelu::tanh, {49, 64}, true, "regression"},
        Setting{HeadTask::none, kernels::Gelu::erf, {109, 98}, false, "masked_tokens_uniform"},
        Setting{HeadTask::classification,
                kernels::Gelu::erf,
                {62, 51},
                false,
                "bert",
                [](model::ModelConfig& config) {
                  config.architecture = model::Architecture::bert;
                  config.full_attention = true;
                }},
        Setting{HeadTask::none,
                kernels::Gelu::tanh,
                {125, 114},
                false,
                "untied_without_biases_hf_train",
                [](model::ModelConfig& config) {
                  config.tied_decoder = false;
                  config.qkv_bias = false;
                  config.positions = 128;
                  config.pattern_mode = model::PatternMode::hf_train;
                }},
        Setting{HeadTask::regression,
                kernels::Gelu::tanh,
                {62, 51},
                true,
                "rows_that_losses_read",
                [](model::ModelConfig&) {},
                true}),
    [](const auto& setting) { return setting.param.name; });

}  // namespace
}  // namespace dnabird::test
