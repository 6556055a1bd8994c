// Weights that are kept in the layout of their products follow every way in which parameters
// change.
#include <gtest/gtest.h>

#include "kernels/bf16.h"
#include "support/compare.h"
#include "support/device_test.h"
#include "support/kernel_workspace.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

using Values = std::vector<double>;

constexpr std::int64_t kRows = 40, kIn = 48, kOut = 64, kSize = kIn * kOut;

class PackedWeights : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (kernels_) parameters_ = kernels_->allocate_parameters(kBytes);
  }
  void TearDown() override {
    if (kernels_) kernels_->release(parameters_, kBytes);
  }

  /// Two weights lie in the parameters.
  float* weight(int which) { return static_cast<float*>(parameters_) + which * kSize; }
  void set(int which, const std::vector<float>& values) {
    kernels_->copy_in(weight(which), values.data(), values.size() * sizeof(float));
  }

  Values product(const void* w) {
    Workspace workspace(*kernels_);
    kernels_->linear_forward(
        {kRows, kIn, kOut, workspace.in(x_), w, nullptr, workspace.out("y", kRows * kOut)});
    return workspace.results().at("y");
  }
  /// The parameters give what the same numbers give in memory that nothing is kept of.
  void expect_fresh(const std::string& after) {
    for (int which = 0; which < 2; ++which) {
      std::vector<float> values(kSize);
      kernels_->copy_out(values.data(), weight(which), kSize * sizeof(float));
      Workspace workspace(*kernels_);
      const void* copy = workspace.parameter(Values(values.begin(), values.end()));
      EXPECT_TRUE(same_bits(product(weight(which)), product(copy))) << after;
    }
  }

  static std::vector<float> numbers(int seed) {
    RandomValues random(seed);
    const Values values = random.normals(kSize);
    return {values.begin(), values.end()};
  }

  static constexpr std::size_t kBytes = 2 * kSize * sizeof(float);
  void* parameters_ = nullptr;
  Values x_ = RandomValues(1).normals(kRows * kIn);
};

TEST_P(PackedWeights, follow_the_parameters) {
  set(0, numbers(2));
  set(1, numbers(3));
  expect_fresh("the first values");
  set(1, numbers(4));
  expect_fresh("copy_in");
  kernels_->copy(weight(0), weight(1), kSize * sizeof(float));
  expect_fresh("copy");
  const float one = 1;
  kernels_->copy_in(weight(0) + kSize - 1, &one, sizeof one);
  expect_fresh("copy_in of the last element");
  Workspace w(*kernels_);
  kernels_->adamw({2 * kSize, 1, 0.1, 0.9, 0.99, 1e-8, 0.1, 0.0, w.numbers({1.0}),
                   w.parameter(Values(2 * kSize, 1.0)), parameters_,
                   w.parameter_inout("m", Values(2 * kSize, 0.0)),
                   w.parameter_inout("v", Values(2 * kSize, 0.0))});
  expect_fresh("adamw");
  kernels_->zero(weight(0), kSize * sizeof(float));
  expect_fresh("zero");
  EXPECT_EQ(product(weight(0)), Values(kRows * kOut, 0.0));
}

TEST_P(PackedWeights, are_forgotten_with_the_memory) {
  set(0, numbers(2));
  set(1, numbers(3));
  product(weight(0));
  kernels_->release(parameters_, kBytes);
  parameters_ = kernels_->allocate(kBytes);  // the same block, no longer of parameters
  for (const int seed : {5, 6}) {
    const std::vector<float> values = numbers(seed);
    for (const int which : {0, 1}) {
      if (kernels_->name().starts_with("cuda")) {
        set(which, values);  // the host reaches a GPU's memory in no other way
      } else {
        std::copy(values.begin(), values.end(), weight(which));
      }
    }
    expect_fresh("a write that the kernels do not see");
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, PackedWeights,
                         ::testing::Values("cpu_baseline", "cpu_avx512", "cpu_bf16", "reference",
                                           "cuda", "cuda_bf16"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
