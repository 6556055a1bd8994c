#include "model/initializer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/device.h"
#include "model/layers.h"
#include "model/model.h"
#include "support/training_case.h"

namespace dnabird::model {
namespace {

class InitializerTest : public ::testing::Test {
 protected:
  std::unique_ptr<core::KernelSet> kernels_ = core::open_reference();
};

/// Mean and deviation within five standard errors.
void expect_normal(const std::vector<double>& values, double deviation, const std::string& what) {
  const double all = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / all, 0, 5 * deviation / std::sqrt(all)) << what;
  EXPECT_NEAR(std::sqrt(squares / all), deviation, deviation * 5 / std::sqrt(2 * all)) << what;
}

using Rows = std::vector<std::vector<double>>;

Rows rows_of(const Model& model, const std::string& name) {
  const core::Tensor value = model.parameters().value(name);
  const std::vector<double> flat = value.to_doubles();
  const std::int64_t width = value.shape()[1];
  Rows rows;
  for (auto at = flat.begin(); at != flat.end(); at += width) rows.emplace_back(at, at + width);
  return rows;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

/// Of production size: what is asserted of directions holds in many channels only.
ModelConfig wide_config(int k, int stride) {
  ModelConfig config;
  config.k = k;
  config.stride = stride;
  config.vocabulary = 5 + (1 << (2 * k));
  config.block_size = 16;
  return config;
}

TEST_F(InitializerTest, InitialValuesAreOfTheirKindAndSeed) {
  const ModelConfig config = test::small_config(HeadTask::classification, kernels::Gelu::tanh);
  Model model(*kernels_, config), same(*kernels_, config), other(*kernels_, config);
  model.initialize(1);
  same.initialize(1);
  other.initialize(2);
  EXPECT_EQ(model.parameters().values().to_doubles(), same.parameters().values().to_doubles());
  for (const ParameterInfo& parameter : model.parameters().list()) {
    const std::vector<double> values = model.parameters().value(parameter.name).to_doubles();
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
    } else if (parameter.name.ends_with("query.weight") || parameter.name.ends_with("key.weight")) {
      // The second half of the heads; the first is looked at below.
      const std::vector<double> half(values.begin() + values.size() / 2, values.end());
      expect_normal(half, 0.02, parameter.name);
    } else {
      EXPECT_NE(values, other.parameters().value(parameter.name).to_doubles()) << parameter.name;
      expect_normal(values, 0.02, parameter.name);
    }
  }
  const std::vector<double> words =
      model.parameters().value("bert.embeddings.word_embeddings.weight").to_doubles();
  for (std::int64_t c = 0; c < config.channels; ++c) EXPECT_EQ(words[c], 0) << "[PAD]";
  EXPECT_NE(words[config.channels], 0);
}

TEST_F(InitializerTest, InitialValuesHangOnTheNameAlone) {
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

TEST_F(InitializerTest, KmersAreAlikeByTheBasesThatTheyShare) {
  Model model(*kernels_, wide_config(3, 1));
  model.initialize(1);
  const Rows words = rows_of(model, "bert.embeddings.word_embeddings.weight");
  // Ids: 5 + the k-mer's digits of base 4. Two of three bases shared, at their places: 0.8 * 2/3.
  double alike = 0, unlike = 0;
  for (int id = 0; id < 64; ++id) {
    alike += correlation(words[5 + id], words[5 + (id ^ 1)]) / 64;
    unlike += correlation(words[5 + id], words[5 + (id ^ 0b010101)]) / 64;
  }
  EXPECT_NEAR(alike, 0.8 * 2 / 3, 0.08);
  EXPECT_NEAR(unlike, 0, 0.08);
}

TEST_F(InitializerTest, HalfOfTheHeadsLookBackAndAhead) {
  for (const auto& [k, stride, unit] : {std::tuple(3, 3, 1), std::tuple(6, 1, 3)}) {
    const ModelConfig config = wide_config(k, stride);
    Model model(*kernels_, config);
    model.initialize(1);
    Rows positions = rows_of(model, "bert.embeddings.position_embeddings.weight");
    for (std::vector<double>& row : positions) {  // as in a normed sum of three
      const double scale = std::sqrt(static_cast<double>(row.size()) / 3 / dot(row, row));
      for (double& v : row) v *= scale;
    }
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      const std::string self = layer_prefix(layer) + "attention.self.";
      const Rows query = rows_of(model, self + "query.weight");
      const Rows key = rows_of(model, self + "key.weight");
      const std::int64_t reach = std::min<std::int64_t>(16, unit << layer);
      for (std::int64_t head = 0; head < config.heads; ++head) {
        const auto score = [&](std::int64_t i, std::int64_t j) {
          double sum = 0;
          for (std::int64_t c = head * 32; c < (head + 1) * 32; ++c) {
            sum += dot(query[c], positions[i]) * dot(key[c], positions[j]);
          }
          return sum / std::sqrt(32.0);
        };
        std::int64_t best = 0;
        for (std::int64_t j = 0; j < 200; ++j) {
          if (score(100, j) > score(100, best)) best = j;
        }
        if (head < 2) {
          EXPECT_EQ(best, 100 + (head == 0 ? -reach : reach)) << layer << " " << head;
          EXPECT_NEAR(score(100, best), 6, 0.6);
        } else {
          EXPECT_LT(std::abs(score(100, best)), 0.5);
        }
      }
    }
  }
}

TEST_F(InitializerTest, OtherVocabulariesAreOfOneKind) {
  ModelConfig config = wide_config(6, 1);
  config.vocabulary = 300;
  Model model(*kernels_, config);
  model.initialize(1);
  const Rows words = rows_of(model, "bert.embeddings.word_embeddings.weight");
  for (int id = 1; id < 299; ++id) EXPECT_LT(std::abs(correlation(words[id], words[id + 1])), 0.5);
}

}  // namespace
}  // namespace dnabird::model
