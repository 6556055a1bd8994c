#include "model/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/device.h"
#include "io/model_folder.h"
#include "model/model.h"
#include "support/errors.h"
#include "support/test_data.h"
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
  for (const char* folder : {"bigbird_k3_block16", "bigbird_classifier", "bigbird_k6_block64",
                             "bigbird_bpe_ids_block64", "bert_k3", "bert_k3_classifier"}) {
    const std::string path = support::test_data_folder() + "/parity/" + folder + "/";
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
