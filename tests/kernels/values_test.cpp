// Forward values that were worked out by hand, for every device: gradients and comparisons between
// devices would not notice a wrong formula that all share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "support/compare.h"
#include "support/device_test.h"
#include "support/kernel_workspace.h"

namespace dnabird::test {
namespace {

using Values = std::vector<double>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kTolerance = 1e-6;

class HandValues : public DeviceTest {};

TEST_P(HandValues, embedding_adds_word_position_and_the_first_type) {
  Workspace w(*kernels_);
  kernels_->embedding_forward({1, 2, 2, 3, w.ints({2, 0}), w.in({1, 2, 3, 4, 5, 6}),
                               w.in({10, 20, 30, 40, 50, 60}), w.in({100, 200, 7, 7}),
                               w.out("y", 4)});
  EXPECT_EQ(w.results().at("y"), (Values{115, 226, 131, 242}));
}

TEST_P(HandValues, layer_norm_uses_the_biased_variance_and_epsilon) {
  Workspace w(*kernels_);
  // Row 1: mean 2, variance 1 of (1,3); row 2: constant, so only epsilon is left: rstd 1/2.
  kernels_->layer_norm_forward({1, 2, 0.0, w.in({1, 3}), w.in({2, 2}), w.in({10, 20}),
                                w.out("y", 2), w.out("mean", 1), w.out("rstd", 1)});
  kernels_->layer_norm_forward({1, 2, 4.0, w.in({5, 5}), w.in({2, 2}), w.in({10, 20}),
                                w.out("constant", 2), w.out("mean5", 1), w.out("rstd_half", 1)});
  const Arrays results = w.results();
  EXPECT_TRUE(close(results.at("y"), Values{8, 22}, kTolerance));
  EXPECT_TRUE(close(results.at("mean"), Values{2}, kTolerance));
  EXPECT_TRUE(close(results.at("rstd"), Values{1}, kTolerance));
  EXPECT_TRUE(close(results.at("constant"), Values{10, 20}, kTolerance));
  EXPECT_TRUE(close(results.at("mean5"), Values{5}, kTolerance));
  EXPECT_TRUE(close(results.at("rstd_half"), Values{0.5}, kTolerance));
}

TEST_P(HandValues, linear_multiplies_rows_with_rows_of_the_weight) {
  Workspace w(*kernels_);
  kernels_->linear_forward(
      {2, 2, 3, w.in({1, 2, 3, 4}), w.in({1, 0, 0, 1, 1, -1}), w.in({10, 20, 30}), w.out("y", 6)});
  EXPECT_TRUE(close(w.results().at("y"), Values{11, 22, 29, 13, 24, 29}, kTolerance));
}

TEST_P(HandValues, linear_backward_adds_to_a_residual_gradient) {
  Workspace w(*kernels_);
  const void *x = w.in({1, 2}), *weight = w.in({1, 0, 0, 1, 1, -1}), *dy = w.in({1, 2, 4});
  kernels_->linear_backward(
      {1, 2, 3, x, weight, dy, w.out("beside", 2), nullptr, nullptr, w.in({100, 200})});
  void* gradient = w.inout("in_place", {100, 200});
  kernels_->linear_backward({1, 2, 3, x, weight, dy, gradient, nullptr, nullptr, gradient});
  EXPECT_EQ(w.results().at("beside"), (Values{105, 198}));
  EXPECT_EQ(w.results().at("in_place"), (Values{105, 198}));
}

TEST_P(HandValues, layer_norm_of_a_sum_in_either_place) {
  Workspace w(*kernels_);
  const void *residual = w.in({0, 1}), *gamma = w.in({2, 2}), *beta = w.in({10, 20});
  void *kept = w.inout("kept", {1, 2}), *used = w.inout("used", {1, 2});
  void *mean = w.out("mean", 1), *rstd = w.out("rstd", 1);
  kernels_->layer_norm_forward(
      {1, 2, 0.0, kept, gamma, beta, w.out("y", 2), mean, rstd, residual, kept});
  kernels_->layer_norm_forward({1, 2, 0.0, used, gamma, beta, used, mean, rstd, residual, nullptr});
  const Arrays results = w.results();
  EXPECT_EQ(results.at("kept"), (Values{1, 3}));
  EXPECT_TRUE(close(results.at("y"), Values{8, 22}, kTolerance));
  EXPECT_TRUE(same_bits(results.at("used"), results.at("y")));
}

TEST_P(HandValues, gelu_in_both_forms) {
  const Values x{-20, -3, -1, 0, 0.5, 1, 3, 20};
  Workspace w(*kernels_);
  kernels_->gelu_forward(kernels::Gelu::tanh, 8, w.in(x), w.out("tanh", 8));
  kernels_->gelu_forward(kernels::Gelu::erf, 8, w.in(x), w.out("erf", 8));
  const Arrays results = w.results();
  // x Phi(x) from tables of the normal distribution; the tanh form evaluated in double.
  const Values erf{0,
                   -3 * 0.0013498980316300933,
                   -0.15865525393145707,
                   0,
                   0.5 * 0.6914624612740131,
                   0.8413447460685429,
                   3 * 0.9986501019683699,
                   20};
  const Values tanh{0,
                    -0.0036373920817729943,
                    -0.15880800939172324,
                    0,
                    0.34571400982514394,
                    0.8411919906082768,
                    2.996362607918227,
                    20};
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(results.at("erf")[i], erf[i], 1e-6 * std::max(1.0, std::abs(x[i]))) << x[i];
    EXPECT_NEAR(results.at("tanh")[i], tanh[i], 1e-6 * std::max(1.0, std::abs(x[i]))) << x[i];
  }
}

TEST_P(HandValues, rows_are_gathered_scattered_in_order_and_averaged) {
  Workspace w(*kernels_);
  const void* x = w.in({1, 2, 3, 4, 5, 6});
  kernels_->gather_rows(2, 2, w.ints({2, 0}), x, w.out("gathered", 4));
  kernels_->scatter_add_rows(3, 2, w.ints({1, 1, 0}), x, w.inout("scattered", {10, 10, 20, 20}));
  kernels_->mean_rows(1, 3, 2, w.ints({1}), w.ints({3}), x, w.out("mean", 2));
  kernels_->mean_rows(1, 3, 2, w.ints({2}), w.ints({2}), x, w.out("empty", 2));
  const Arrays results = w.results();
  EXPECT_EQ(results.at("gathered"), (Values{5, 6, 1, 2}));
  EXPECT_EQ(results.at("scattered"), (Values{15, 16, 24, 26}));
  EXPECT_EQ(results.at("mean"), (Values{4, 5}));
  EXPECT_EQ(results.at("empty"), (Values{0, 0}));
}

TEST_P(HandValues, cross_entropy_weighs_labels_and_ignores_negative_ones) {
  Workspace w(*kernels_);
  // softmax (1/4, 3/4), the same shifted far up and far down.
  const double third = std::log(3.0);
  kernels_->cross_entropy_forward(
      {4, 2, w.in({0, third, 500, 500 + third, -500, -500 + third, 0, third}),
       w.ints({0, 1, 1, -1}), w.in({2, 5}), w.out("losses", 4), w.out("log_sum_exp", 4)});
  const Arrays results = w.results();
  const double likely = -5 * std::log(0.75);
  const Values expected{-2 * std::log(0.25), likely, likely, 0};
  for (std::size_t r = 0; r < 4; ++r) {
    // A logit of 500 is known to 3e-5 in float.
    EXPECT_NEAR(results.at("losses")[r], expected[r], r == 1 || r == 2 ? 3e-4 : 1e-6) << r;
  }
  const double lse = std::log(4.0);
  EXPECT_TRUE(
      close(results.at("log_sum_exp"), Values{lse, 500 + lse, -500 + lse, lse}, kTolerance));
}

TEST_P(HandValues, binary_cross_entropy_is_finite_far_out_and_skips_missing_targets) {
  Workspace w(*kernels_);
  kernels_->binary_cross_entropy_forward({3, 2, w.in({0, 0, 200, -200, 200, 5}),
                                          w.in({1, 0, 1, 1, 0, kNan}), w.in({3, 2}),
                                          w.out("losses", 6)});
  EXPECT_TRUE(close(w.results().at("losses"),
                    Values{3 * std::log(2.0), std::log(2.0), 0, 400, 200, 0}, kTolerance));
}

TEST_P(HandValues, squared_error_weighs_targets_and_skips_missing_ones) {
  Workspace w(*kernels_);
  kernels_->squared_error_forward(
      {2, 2, w.in({1, 2, 3, 4}), w.in({3, 2.5, kNan, 1}), w.in({1, 2}), w.out("losses", 4)});
  EXPECT_TRUE(close(w.results().at("losses"), Values{4, 0.5, 0, 18}, kTolerance));
}

TEST_P(HandValues, elementwise_ops_work_in_place) {
  Workspace w(*kernels_);
  const Values a(100, 1.5), b(100, 2.0);
  void* left = w.inout("left", a);
  void* right = w.inout("right", b);
  void* gradient = w.inout("gradient", b);
  kernels_->add(100, left, w.in(b), left);
  kernels_->add(100, w.in(a), right, right);
  const void* x = w.in(a);
  kernels_->gelu_backward(kernels::Gelu::tanh, 100, x, gradient, gradient);
  kernels_->gelu_backward(kernels::Gelu::tanh, 100, x, w.in(b), w.out("elsewhere", 100));
  const Arrays results = w.results();
  EXPECT_EQ(results.at("left"), Values(100, 3.5));
  EXPECT_EQ(results.at("right"), Values(100, 3.5));
  EXPECT_TRUE(same_bits(results.at("gradient"), results.at("elsewhere")));
}

TEST_P(HandValues, large_arrays_come_and_go_whole) {
  // More than one piece of pinned memory on a GPU, more than what is on its way at one time.
  std::vector<std::uint32_t> values(std::size_t{6} << 20), result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint32_t>(i) * 7;
  const std::size_t bytes = values.size() * sizeof values[0];
  const std::vector<std::uint32_t> expected = values;
  void* memory = kernels_->allocate(bytes);
  kernels_->copy_in(memory, values.data(), bytes);
  std::fill(values.begin(), values.end(), 0);
  const auto late = kernels_->start_copy_out(memory, bytes);
  kernels_->copy_out(result.data(), memory, bytes);
  EXPECT_EQ(result, expected);
  EXPECT_EQ(std::memcmp(late->wait(), expected.data(), bytes), 0);
  kernels_->release(memory, bytes);
}

TEST_P(HandValues, memory_is_aligned_copied_and_cleared) {
  Values values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  void* first = kernels_->allocate(8000);
  void* second = kernels_->allocate(8000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % 64, 0u);
  kernels_->copy_in(first, values.data(), 8000);
  kernels_->copy(second, first, 8000);
  kernels_->zero(first, 4000);
  Values half(1000), whole(1000);
  kernels_->copy_out(half.data(), first, 8000);
  kernels_->copy_out(whole.data(), second, 8000);
  const auto late = kernels_->start_copy_out(second, 8000);
  kernels_->zero(second, 8000);  // behind the copy
  const auto* values_late = static_cast<const double*>(late->wait());
  EXPECT_EQ(Values(values_late, values_late + 1000), values);
  kernels_->release(first, 8000);
  kernels_->release(second, 8000);
  EXPECT_EQ(whole, values);
  std::fill_n(values.begin(), 500, 0.0);
  EXPECT_EQ(half, values);
  void* nothing = kernels_->allocate(0);
  kernels_->zero(nothing, 0);
  kernels_->release(nothing, 0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, HandValues, kDevices,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
