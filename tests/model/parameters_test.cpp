#include "model/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/device.h"
#include "io/model_folder.h"
#include "model/model.h"
#include "support/errors.h"
#include "support/training_case.h"

namespace dnabird::model {
namespace {

using support::throws_data_error;
using ::testing::ElementsAre;

class ParametersTest : public ::testing::Test {
 protected:
  std::unique_ptr<core::KernelSet> kernels_ = core::open_reference();
};

TEST_F(ParametersTest, AreViewsOfOneFlatArray) {
  Parameters parameters;
  parameters.add("a", {2, 2}, Decay::yes);
  parameters.add("b", {3}, Decay::no);
  parameters.add("c", {1}, Decay::yes);
  parameters.allocate(*kernels_);
  EXPECT_EQ(parameters.size(), 8);
  EXPECT_THAT(parameters.values().to_doubles(), ::testing::Each(0.0));
  core::Tensor b = parameters.value("b");
  b.set(std::span<const double>(std::vector<double>{1, 2, 3}));
  EXPECT_THAT(parameters.values().to_doubles(), ElementsAre(0, 0, 0, 0, 1, 2, 3, 0));
  EXPECT_THAT(parameters.value_span("b", {2, 2}).to_doubles(), ElementsAre(1, 2, 3, 0));
  EXPECT_EQ(parameters.value("a").shape(), (core::Shape{2, 2}));
  EXPECT_THAT(parameters.gradients().to_doubles(), ::testing::Each(0.0));
  core::Tensor gradient = parameters.gradient("c");
  gradient.set(std::span<const double>(std::vector<double>{5}));
  EXPECT_THAT(parameters.gradients().to_doubles(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 5));
  EXPECT_THAT(parameters.gradient_span("b", {4}).to_doubles(), ElementsAre(0, 0, 0, 5));
}

TEST_F(ParametersTest, RefuseWhatIsNotThere) {
  Parameters parameters;
  parameters.add("a", {2}, Decay::yes);
  EXPECT_THROW(parameters.add("a", {2}, Decay::yes), std::logic_error);
  parameters.allocate(*kernels_);
  EXPECT_THROW(parameters.add("b", {2}, Decay::yes), std::logic_error);
  EXPECT_TRUE(parameters.has("a"));
  EXPECT_FALSE(parameters.has("b"));
  EXPECT_THROW(parameters.value("b"), std::logic_error);
  EXPECT_THROW(parameters.gradient("b"), std::logic_error);
  EXPECT_THROW(parameters.value_span("a", {3}), std::logic_error);
}

TEST_F(ParametersTest, HaveTheNamesAndShapesOfTheField) {
  for (const char* folder : {"bigbird_k3_block16", "bigbird_classifier", "bigbird_k6_block64"}) {
    const std::string path = std::string(DNABIRD_TEST_DATA) + "/parity/" + folder + "/";
    const Model model(*kernels_, config_from_json(io::read_json(path + "config.json")));
    const auto file = io::read_safetensors(path + "model.safetensors").tensors;
    std::set<std::string> names;
    for (const ParameterInfo& parameter : model.parameters().list()) {
      ASSERT_TRUE(file.contains(parameter.name)) << parameter.name;
      EXPECT_EQ(file.at(parameter.name).shape, parameter.shape) << parameter.name;
      names.insert(parameter.name);
    }
    EXPECT_EQ(names.size(), file.size());
  }
}

TEST_F(ParametersTest, MatricesDecayAndNothingElse) {
  const Model model(*kernels_, test::small_config(HeadTask::classification, kernels::Gelu::tanh));
  for (const ParameterInfo& parameter : model.parameters().list()) {
    EXPECT_EQ(parameter.decay == Decay::yes, parameter.shape.size() == 2) << parameter.name;
  }
}

TEST_F(ParametersTest, InitialValuesAreOfTheirKindAndSeed) {
  const ModelConfig config = test::small_config(HeadTask::classification, kernels::Gelu::tanh);
  Model model(*kernels_, config), same(*kernels_, config), other(*kernels_, config);
  model.initialize(1);
  same.initialize(1);
  other.initialize(2);
  EXPECT_EQ(model.parameters().values().to_doubles(), same.parameters().values().to_doubles());
  for (const ParameterInfo& parameter : model.parameters().list()) {
    const std::vector<double> values = model.parameters().value(parameter.name).to_doubles();
    const double all = static_cast<double>(values.size());
    double sum = 0, squares = 0;
    for (const double v : values) {
      sum += v;
      squares += v * v;
    }
    if (parameter.name.ends_with("LayerNorm.weight")) {
      EXPECT_THAT(values, ::testing::Each(1.0)) << parameter.name;
    } else if (parameter.name.ends_with("bias")) {
      EXPECT_THAT(values, ::testing::Each(0.0)) << parameter.name;
    } else if (parameter.name.ends_with("position_embeddings.weight")) {
      for (std::int64_t i = 0; i < parameter.shape[0]; ++i) {
        for (std::int64_t c = 0; c < config.channels; c += 2) {
          const double n = static_cast<double>(config.channels);
          const double angle =
              static_cast<double>(i) * std::pow(10000.0, -static_cast<double>(c) / n);
          const double scale = 0.02 * std::sqrt(2.0);
          EXPECT_NEAR(values[i * config.channels + c], scale * std::sin(angle), 1e-8);
          EXPECT_NEAR(values[i * config.channels + c + 1], scale * std::cos(angle), 1e-8);
        }
      }
    } else {
      EXPECT_NE(values, other.parameters().value(parameter.name).to_doubles()) << parameter.name;
      EXPECT_NEAR(sum / all, 0, 5 * 0.02 / std::sqrt(all)) << parameter.name;
      EXPECT_NEAR(std::sqrt(squares / all), 0.02, 0.02 * 5 / std::sqrt(2 * all)) << parameter.name;
    }
  }
  const std::vector<double> words =
      model.parameters().value("bert.embeddings.word_embeddings.weight").to_doubles();
  for (std::int64_t c = 0; c < config.channels; ++c) EXPECT_EQ(words[c], 0) << "[PAD]";
  EXPECT_NE(words[config.channels], 0);
}

TEST_F(ParametersTest, InitialValuesHangOnTheNameAlone) {
  ModelConfig with = test::small_config(HeadTask::classification, kernels::Gelu::tanh);
  ModelConfig without = test::small_config(HeadTask::none, kernels::Gelu::tanh);
  Model a(*kernels_, with), b(*kernels_, without);
  a.initialize(1);
  b.initialize(1);
  for (const ParameterInfo& parameter : b.parameters().list()) {
    EXPECT_EQ(a.parameters().value(parameter.name).to_doubles(),
              b.parameters().value(parameter.name).to_doubles());
  }
  const std::string name = "classifier.out_proj.weight";
  const std::vector<double> before = a.parameters().value(name).to_doubles();
  a.initialize(name, 1);
  EXPECT_EQ(a.parameters().value(name).to_doubles(), before);
  a.initialize(name, 2);
  EXPECT_NE(a.parameters().value(name).to_doubles(), before);
}

TEST_F(ParametersTest, SettingOneChecksNameAndShape) {
  Model model(*kernels_, test::small_config(HeadTask::none, kernels::Gelu::tanh));
  const std::vector<float> values(8, 0.5f);
  model.set_parameter("bert.embeddings.LayerNorm.bias", {8}, values);
  EXPECT_THAT(model.parameters().value("bert.embeddings.LayerNorm.bias").to_doubles(),
              ::testing::Each(0.5));
  EXPECT_THAT(
      [&] {
        model.set_parameter("bert.embeddings.LayerNorm.bias", {2, 4}, values);
      },
      throws_data_error("bert.embeddings.LayerNorm.bias", "(2,4)", "(8)"));
  EXPECT_THAT([&] { model.set_parameter("bert.pooler.bias", {8}, values); },
              throws_data_error("bert.pooler.bias", "unknown"));
}

}  // namespace
}  // namespace dnabird::model
