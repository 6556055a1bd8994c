// The whole model against values that torch and transformers computed (tests/data/parity).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/device.h"
#include "ops/sums.h"
#include "support/compare.h"
#include "support/device_test.h"
#include "support/parity_case.h"

namespace dnabird::test {
namespace {

/// What is allowed: `values` absolute for hidden states, logits and losses, `gradients` relative to
/// the largest of a tensor, `adamw` absolute for the losses of ten steps.
struct Tolerance {
  double values, gradients, adamw;
};
// The stored values are rounded to float.
constexpr Tolerance kDouble{1e-6, 1e-6, 1e-9}, kFloat{2e-4, 1e-3, 1e-4};

class Parity : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string(GetParam()) == "reference_f64") {
      kernels_ = core::open_reference();
      allowed_ = kDouble;
      return;
    }
    std::string why_not;
    kernels_ = open_device(GetParam(), 2, &why_not);
    if (!kernels_) GTEST_SKIP() << why_not;
    allowed_ = kFloat;
  }

  ParityCase open(const std::string& folder, const std::string& name) {
    return ParityCase(*kernels_, folder, name);
  }

  /// Rows of (B,T,width) that hold a token; of cut tensors every 8th row is there.
  void compare_rows(const ParityCase& at, const std::string& what, const core::Tensor& actual) {
    if (!at.has(what)) return;
    SCOPED_TRACE(what);
    const std::int64_t rows = at.batch().ids.size(), width = actual.dim(-1);
    std::vector<double> expected = at.values(what);
    const auto stored = static_cast<std::int64_t>(expected.size()) / width;
    const std::int64_t every = stored == (rows + 7) / 8 ? 8 : 1;
    // One case holds the padded rows of hidden_first too.
    if (every == 1 && stored != rows) expected = cut_padding(expected, at.batch(), width);
    const std::vector<double> values = actual.to_doubles();
    ASSERT_EQ(values.size(), static_cast<std::size_t>(rows * width));
    ASSERT_EQ(expected.size(), static_cast<std::size_t>((rows + every - 1) / every * width));
    double largest = 0;
    std::int64_t compared = 0;
    for (const std::int64_t row : at.token_rows()) {
      if (row % every != 0) continue;
      ++compared;
      for (std::int64_t c = 0; c < width; ++c) {
        const double value = values[row * width + c];
        largest = std::max(largest, std::abs(value - expected[row / every * width + c]));
        ASSERT_TRUE(std::isfinite(value));
      }
    }
    EXPECT_GE(compared, rows / every / 3);
    EXPECT_LE(largest, allowed_.values);
  }

  static std::vector<double> cut_padding(const std::vector<double>& values,
                                         const model::TokenBatch& batch, std::int64_t width) {
    const std::int64_t padded = static_cast<std::int64_t>(values.size()) / batch.batch;  // per b
    std::vector<double> kept;
    for (std::int64_t b = 0; b < batch.batch; ++b) {
      kept.insert(kept.end(), values.begin() + b * padded,
                  values.begin() + b * padded + batch.tokens * width);
    }
    return kept;
  }

  void compare_outputs(ParityCase& at) {
    const ParityCase::Outputs outputs = at.forward();
    compare_rows(at, "hidden_first", at.model().embed(at.batch()));
    compare_rows(at, "hidden_last", outputs.hidden);
    if (at.model().config().task == model::HeadTask::none) {
      compare_rows(at, "logits", outputs.logits);
    } else {
      const std::vector<double> logits = outputs.logits.to_doubles();
      const std::vector<double> expected = at.values("logits");
      ASSERT_EQ(logits.size(), expected.size());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        EXPECT_NEAR(logits[i], expected[i], allowed_.values);
      }
    }
    if (at.has("loss")) {
      EXPECT_NEAR(outputs.loss, at.loss_expected(), allowed_.values);
    }
  }

  void compare_gradients(ParityCase& at) {
    at.backward();
    const model::Parameters& parameters = at.model().parameters();
    double largest = 0;
    for (const double g : parameters.gradients().to_doubles()) {
      largest = std::max(largest, std::abs(g));
    }
    for (const model::ParameterInfo& parameter : parameters.list()) {
      const std::vector<double> actual = parameters.gradient(parameter.name).to_doubles();
      const std::vector<double> expected = at.values("grad." + parameter.name);
      if (parameter.name.ends_with("self.key.bias")) {  // zero but for rounding
        for (std::size_t i = 0; i < actual.size(); ++i) {
          ASSERT_NEAR(actual[i], expected[i], 1e-6 * largest) << parameter.name;
        }
        continue;
      }
      EXPECT_LE(relative_error(actual, expected).by_largest, allowed_.gradients) << parameter.name;
    }
  }

  std::unique_ptr<core::KernelSet> kernels_;
  Tolerance allowed_{};
};

TEST_P(Parity, short_inputs_are_dense) {
  for (const char* name : {"short_full", "full_at_threshold"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_k3_block16", name);
    compare_outputs(at);
  }
}

TEST_P(Parity, random_slots_that_name_block_0) {
  for (const char* name :
       {"sparse_min", "sparse_eval", "sparse_eval_padded", "sparse_eval_unaligned"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_k3_block16", name);
    compare_outputs(at);
  }
}

TEST_P(Parity, drawn_random_blocks) {
  for (const char* name : {"sparse_train", "sparse_train_padded", "sparse_max"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_k3_block16", name);
    compare_outputs(at);
  }
}

TEST_P(Parity, gradients_of_the_masked_token_loss) {
  for (const char* name : {"sparse_train", "sparse_train_padded", "sparse_max"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_k3_block16", name);
    compare_gradients(at);
  }
}

TEST_P(Parity, ten_steps_of_adamw) {
  ParityCase at = open("bigbird_k3_block16", "sparse_train");
  const std::vector<double> expected = at.values("adamw_losses");
  ASSERT_EQ(expected.size(), 10u);
  model::Parameters& parameters = at.model().parameters();
  core::Tensor first = core::Tensor::zeros(*kernels_, {parameters.size()});
  core::Tensor second = core::Tensor::zeros(*kernels_, {parameters.size()});
  for (std::size_t step = 0; step < expected.size(); ++step) {
    EXPECT_NEAR(at.backward(), expected[step], allowed_.adamw) << "step " << step;
    core::Tensor& gradients = parameters.gradients();
    core::Tensor squares = ops::sum_of_squares(gradients);
    // torch divides by the norm and 1e-6.
    const double norm = std::sqrt(squares.to_doubles()[0]) + 1e-6;
    squares.set(std::span<const double>(std::array{norm * norm}));
    kernels_->adamw({parameters.size(), static_cast<std::int64_t>(step) + 1, 1e-3, 0.9, 0.999, 1e-8,
                     0.01, 1.0, static_cast<const double*>(squares.data()), gradients.data(),
                     parameters.values().data(), first.data(), second.data()});
  }
}

TEST_P(Parity, classifier_with_gradients) {
  ParityCase at = open("bigbird_classifier", "eval");
  compare_outputs(at);
  compare_gradients(at);
}

TEST_P(Parity, blocks_of_64_and_heads_of_32) {
  for (const char* name : {"eval_1024", "train_1024", "train_1984"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_k6_block64", name);
    compare_outputs(at);
  }
}

TEST_P(Parity, special_tokens_in_another_order_and_erf) {
  for (const char* name : {"eval_768_padded", "full_500"}) {
    SCOPED_TRACE(name);
    ParityCase at = open("bigbird_bpe_ids_block64", name);
    compare_outputs(at);
  }
}

TEST_P(Parity, bert_masked_tokens) {
  ParityCase at = open("bert_k3", "eval");
  compare_outputs(at);
}

TEST_P(Parity, bert_classifier) {
  ParityCase at = open("bert_k3_classifier", "eval");
  compare_outputs(at);
}

INSTANTIATE_TEST_SUITE_P(Model, Parity, ::testing::Values("reference_f64", "cpu", "cuda"),
                         [](const auto& device) { return std::string(device.param); });

}  // namespace
}  // namespace dnabird::test
