// Ops hand their arguments to the kernels in the right places: small values by hand, on the
// reference in double, on the CPU, and on CUDA where a device is.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/device.h"
#include "core/rng.h"
#include "ops/add.h"
#include "ops/block_attention.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/losses.h"
#include "ops/rows.h"
#include "ops/tanh.h"
#include "support/device_test.h"

namespace dnabird::ops {
namespace {

using core::Shape;
using core::Tensor;
using Values = std::vector<double>;

const double kNaN = std::numeric_limits<double>::quiet_NaN();

class OpValues : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string device = GetParam();
    std::string why_not;
    kernels_ =
        device == "reference" ? core::open_reference() : test::open_device(device, 2, &why_not);
    if (!kernels_) GTEST_SKIP() << why_not;
  }
  Tensor x(const Shape& shape, const Values& values) {
    return Tensor::from_host(*kernels_, shape, std::span<const double>(values));
  }
  Tensor ints(const Shape& shape, const std::vector<std::int32_t>& values) {
    return Tensor::from_host(*kernels_, shape, std::span<const std::int32_t>(values));
  }
  static void expect(const Tensor& actual, const Shape& shape, const Values& expected) {
    EXPECT_EQ(actual.shape(), shape);
    const Values values = actual.to_doubles();
    ASSERT_EQ(values.size(), expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(values[i], expected[i], 2e-6 * std::max(1.0, std::abs(expected[i])))
          << "element " << i;
    }
  }
  std::unique_ptr<core::KernelSet> kernels_;
};

TEST_P(OpValues, Add) {
  Tensor y = x({2, 2}, {1, 2, 3, 4});
  add_to(y, x({2, 2}, {10, 20, 30, 40}));
  expect(y, {2, 2}, {11, 22, 33, 44});
}

TEST_P(OpValues, Gelu) {
  const Tensor at = x({3}, {-1, 0, 2});
  expect(gelu_forward(kernels::Gelu::erf, at), {3}, {-0.15865525, 0, 1.95449974});
  expect(gelu_forward(kernels::Gelu::tanh, at), {3}, {-0.15880801, 0, 1.95459769});
  // d gelu = Phi(x) + x phi(x)
  expect(gelu_backward(kernels::Gelu::erf, at, x({3}, {1, 3, -1})), {3},
         {-0.08331547, 1.5, -1.08523180});
}

TEST_P(OpValues, Tanh) {
  const Tensor y = tanh_forward(x({3}, {-1, 0, 0.5}));
  expect(y, {3}, {-0.76159416, 0, 0.46211716});
  // d tanh = 1 - tanh^2
  expect(tanh_backward(y, x({3}, {1, 3, -2})), {3}, {0.41997434, 3, -1.57289547});
}

TEST_P(OpValues, Linear) {
  const Tensor at = x({2, 2}, {1, 2, 3, 4}), w = x({3, 2}, {1, 0, 0, 1, 2, -1});
  expect(linear_forward(at, w, x({3}, {10, 20, 30})), {2, 3}, {11, 22, 30, 13, 24, 32});
  expect(linear_forward(at, w, {}), {2, 3}, {1, 2, 0, 3, 4, 2});
  const Tensor dy = x({2, 3}, {1, 0, 1, 0, 2, 0});
  Tensor dw = x({3, 2}, {100, 0, 0, 0, 0, 0}), dbias = x({3}, {0, 0, 100});
  expect(linear_backward(at, w, dy, dw, dbias), {2, 2}, {3, -1, 0, 2});
  expect(dw, {3, 2}, {101, 2, 6, 8, 1, 2});
  expect(dbias, {3}, {1, 2, 101});
}

TEST_P(OpValues, LayerNorm) {
  LayerNormSaved saved;
  const Tensor at = x({2, 2}, {1, 3, -4, 4}), gamma = x({2}, {1, 2}), beta = x({2}, {0.5, 0});
  expect(layer_norm_forward(at, gamma, beta, 1e-12, &saved), {2, 2}, {-0.5, 2, -0.5, 2});
  expect(saved.mean, {2}, {2, 0});
  expect(saved.rstd, {2}, {1, 0.25});
  // Two elements always become -1 and 1: no small step of them changes anything.
  Tensor dgamma = x({2}, {1, 0}), dbeta = x({2}, {0, 1});
  expect(layer_norm_backward(at, gamma, saved, x({2, 2}, {1, 2, 3, 4}), dgamma, dbeta), {2, 2},
         {0, 0, 0, 0});
  expect(dgamma, {2}, {1 - 1 - 3, 2 + 4});
  expect(dbeta, {2}, {1 + 3, 1 + 2 + 4});
}

TEST_P(OpValues, ResidualNorm) {
  const Tensor at = x({2, 2}, {1, 3, -4, 4}), residual = x({2, 2}, {2, 4, 4, 4});
  const ResidualNorm norm{x({2}, {1, 2}), x({2}, {0.5, 0}), 1e-12};
  Tensor s = x({2, 2}, {1, 3, -4, 4}), without = x({2, 2}, {1, 3, -4, 4});
  LayerNormSaved saved;
  const Tensor y = residual_norm_forward(norm, s, residual, &saved);
  expect(y, {2, 2}, {-0.5, 2, -0.5, 2});
  expect(s, {2, 2}, {3, 7, 0, 8});
  expect(saved.mean, {2}, {5, 4});
  expect(saved.rstd, {2}, {0.5, 0.25});
  expect(residual_norm_forward(norm, without, residual, nullptr), {2, 2}, {-0.5, 2, -0.5, 2});
  EXPECT_EQ(without.to_doubles(), y.to_doubles());  // its buffer
  const Tensor dy = x({2, 2}, {1, 2, 3, 4});
  Tensor dgamma = x({2}, {1, 0}), dbeta = x({2}, {0, 1});
  const ResidualNormGradients gradients = residual_norm_backward(norm, s, saved, dy, dgamma, dbeta);
  expect(gradients.dresidual, {2, 2}, {0, 0, 0, 0});
  EXPECT_EQ(gradients.dx.data(), gradients.dresidual.data());
  expect(dgamma, {2}, {1 - 1 - 3, 2 + 4});
  expect(dbeta, {2}, {1 + 3, 1 + 2 + 4});
}

TEST_P(OpValues, ResidualNormDropsAsDropoutDoes) {
  const std::int64_t rows = 30, channels = 8;
  Values values;
  for (int i = 0; i < rows * channels; ++i) values.push_back(i % 7 - 0.5 * (i % 5));
  const Dropout dropout{0.25, 7, 9, ints({2}, {5, -6})};
  const Tensor residual = x({rows, channels}, Values(values.rbegin(), values.rend()));
  const Tensor gamma = x({channels}, {1, 2, 1, 0.5, 1, -1, 1, 3}),
               beta = x({channels}, Values(8, 1));
  Tensor s = x({rows, channels}, values), dropped = x({rows, channels}, values);
  dropout_forward(dropout, dropped);
  LayerNormSaved saved, saved_apart;
  const ResidualNorm norm{gamma, beta, 1e-5, dropout};
  const Tensor y = residual_norm_forward(norm, s, residual, &saved);
  const ResidualNorm apart{gamma, beta, 1e-5};
  expect(y, {rows, channels},
         residual_norm_forward(apart, dropped, residual, &saved_apart).to_doubles());
  expect(s, {rows, channels}, dropped.to_doubles());
  const Tensor dy = x({rows, channels}, values);
  Tensor dgamma = x({channels}, Values(8, 0)), dbeta = x({channels}, Values(8, 0));
  const auto [dx, dresidual] = residual_norm_backward(norm, s, saved, dy, dgamma, dbeta);
  expect(dresidual, {rows, channels},
         layer_norm_backward(s, gamma, saved, dy, dgamma, dbeta).to_doubles());
  expect(dx, {rows, channels}, dropout_backward(dropout, dresidual).to_doubles());
}

TEST_P(OpValues, Embedding) {
  const Tensor ids = ints({2, 2}, {2, 0, 1, 1});
  const EmbeddingTables tables{x({3, 1}, {1, 2, 3}), x({4, 1}, {10, 20, 30, 40}),
                               x({2, 1}, {100, 1000})};
  expect(embedding_forward(ids, tables), {2, 2, 1}, {113, 121, 112, 122});
  const EmbeddingTables gradients{x({3, 1}, {0, 0, 5}), x({4, 1}, {0, 0, 0, 0}), x({2, 1}, {0, 0})};
  // The second token of the second sequence is padding.
  embedding_backward(ids, ints({2}, {2, 1}), x({2, 2, 1}, {1, 2, 4, 8}), gradients);
  expect(gradients.word, {3, 1}, {2, 4, 6});
  expect(gradients.position, {4, 1}, {5, 2, 0, 0});
  expect(gradients.token_type, {2, 1}, {7, 0});
}

TEST_P(OpValues, Dropout) {
  const std::int64_t n = 4000;
  Tensor y = x({n}, Values(n, 3.0));
  dropout_forward({0.25, 7, 9}, y);
  int dropped = 0;
  for (const double value : y.to_doubles()) {
    EXPECT_TRUE(value == 0 || std::abs(value - 4) < 1e-6);
    dropped += value == 0;
  }
  EXPECT_NEAR(dropped, n / 4, 120);
  const Tensor dy = x({n}, Values(n, 3.0));
  EXPECT_EQ(dropout_backward({0.25, 7, 9}, dy).to_doubles(), y.to_doubles());
  EXPECT_NE(dropout_backward({0.25, 7, 10}, dy).to_doubles(), y.to_doubles());
  EXPECT_NE(dropout_backward({0.25, 8, 9}, dy).to_doubles(), y.to_doubles());
  expect(dy, {n}, Values(n, 3.0));  // stays as it is
  const Tensor step = ints({2}, {5, -6});
  const std::uint64_t stream = core::mix(0xFFFFFFFA00000005u, 9);
  const std::vector<double> direct = dropout_backward({0.25, 7, stream}, dy).to_doubles();
  EXPECT_EQ(dropout_backward({0.25, 7, 9, step}, dy).to_doubles(), direct);
  y = x({n}, Values(n, 3.0));
  dropout_forward({0.25, 7, 9, step}, y);
  EXPECT_EQ(y.to_doubles(), direct);
}

TEST_P(OpValues, Rows) {
  const Tensor at = x({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  expect(gather_rows(at, ints({3}, {3, 0, 3})), {3, 2}, {7, 8, 1, 2, 7, 8});
  expect(copy_rows(at, ints({3}, {3, 0, 3})), {3, 2}, {7, 8, 1, 2, 7, 8});
  const Tensor two = copy_rows(at, ints({2}, {3, 0}));
  expect(spread_rows(two, ints({4}, {2, 1, 2, 0})), {4, 2}, {0, 0, 1, 2, 0, 0, 7, 8});
  Tensor dx = x({2, 2, 2}, Values(8, 1.0));
  scatter_add_rows(x({3, 2}, {1, 2, 3, 4, 10, 20}), ints({3}, {3, 0, 3}), dx);
  expect(dx, {2, 2, 2}, {4, 5, 1, 1, 1, 1, 12, 23});
  expect(mean_rows(at, ints({2}, {0, 1}), ints({2}, {2, 2})), {2, 2}, {2, 3, 7, 8});
  expect(mean_rows(at, ints({2}, {1, 0}), ints({2}, {1, 1})), {2, 2}, {0, 0, 5, 6});
}

TEST_P(OpValues, CrossEntropy) {
  const double ln4 = std::log(4.0), ln3 = std::log(3.0);
  const Tensor logits = x({3, 2}, {ln3, 0, 0, 0, ln3, 0});  // 3/4 and 1/4, halves, again
  const Tensor labels = ints({3}, {1, -100, 0});
  Tensor lse;
  expect(cross_entropy_forward(logits, labels, {}, &lse), {3}, {ln4, 0, ln4 - ln3});
  expect(lse, {3}, {ln4, std::log(2.0), ln4});
  expect(cross_entropy_backward(logits, labels, {}, lse, 2), {3, 2}, {1.5, -1.5, 0, 0, -0.5, 0.5});
  const Tensor weights = x({2}, {10, 1});
  expect(cross_entropy_forward(logits, labels, weights, nullptr), {3}, {ln4, 0, 10 * (ln4 - ln3)});
  expect(cross_entropy_backward(logits, labels, weights, lse, 2), {3, 2}, {1.5, -1.5, 0, 0, -5, 5});
}

TEST_P(OpValues, BinaryCrossEntropy) {
  const double ln3 = std::log(3.0), ln4 = std::log(4.0);
  const Tensor logits = x({2, 2}, {ln3, ln3, 0, -ln3});  // 3/4 3/4, 1/2 1/4
  const Tensor truth = x({2, 2}, {1, 0, kNaN, 1});
  expect(binary_cross_entropy_forward(logits, truth, {}), {2, 2}, {ln4 - ln3, ln4, 0, ln4});
  expect(binary_cross_entropy_backward(logits, truth, {}, 4), {2, 2}, {-1, 3, 0, -3});
  const Tensor weights = x({2}, {10, 2});
  expect(binary_cross_entropy_forward(logits, truth, weights), {2, 2},
         {10 * (ln4 - ln3), ln4, 0, 2 * ln4});
  expect(binary_cross_entropy_backward(logits, truth, weights, 4), {2, 2}, {-10, 3, 0, -6});
}

TEST_P(OpValues, SquaredError) {
  const Tensor predictions = x({2, 2}, {1, 2, 3, 4}), truth = x({2, 2}, {0, 4, kNaN, 4.5});
  expect(squared_error_forward(predictions, truth, {}), {2, 2}, {1, 4, 0, 0.25});
  expect(squared_error_backward(predictions, truth, {}, 3), {2, 2}, {6, -12, 0, -3});
  const Tensor weights = x({2}, {1, 10});
  expect(squared_error_forward(predictions, truth, weights), {2, 2}, {1, 40, 0, 2.5});
  expect(squared_error_backward(predictions, truth, weights, 3), {2, 2}, {6, -120, 0, -30});
}

TEST_P(OpValues, BlockAttention) {
  // Two tokens in one block, one head of size 1, scale 1; queries 0 and ln 3, keys 0 and 1.
  const double ln3 = std::log(3.0);
  const Tensor qkv = x({1, 2, 3, 1, 1}, {0, 0, 8, ln3, 1, 16});
  const std::int32_t begin[] = {0, 1}, zero[] = {0}, one[] = {1};
  const kernels::BlockPatternView pattern{1, 1, 2, begin, zero, one, begin, zero, one};
  Tensor lse;
  const Tensor both = ints({1}, {2});
  const Tensor out = block_attention_forward(qkv, both, pattern, &lse);
  expect(out, {1, 2, 1, 1}, {12, 14});  // halves; a quarter and three
  expect(lse, {1, 1, 2}, {std::log(2.0), std::log(4.0)});
  // dout on the second query: dv = p; ds = p (v - out) = -1.5, 1.5; dq = sum ds k; dk = ds q.
  expect(block_attention_backward({qkv, out, lse}, both, pattern, x({1, 2, 1, 1}, {0, 1})),
         {1, 2, 3, 1, 1}, {0, -1.5 * ln3, 0.25, 1.5, 1.5 * ln3, 0.75});
  // With the second token as padding the first reads itself alone.
  expect(block_attention_forward(qkv, ints({1}, {1}), pattern, nullptr), {1, 2, 1, 1}, {8, 0});
}

INSTANTIATE_TEST_SUITE_P(Ops, OpValues, ::testing::Values("cpu", "reference", "cuda"),
                         [](const auto& device) { return std::string(device.param); });

}  // namespace
}  // namespace dnabird::ops
