#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "core/device.h"
#include "ops/sums.h"
#include "support/random_values.h"

namespace dnabird::train {
namespace {

using core::Tensor;

/// Three parameters, of which the middle one has no decay.
model::Parameters make_parameters(core::KernelSet& kernels) {
  model::Parameters parameters;
  parameters.add("matrix", {3, 2}, model::Decay::yes);
  parameters.add("bias", {3}, model::Decay::no);
  parameters.add("table", {4}, model::Decay::yes);
  parameters.allocate(kernels);
  return parameters;
}

TEST(AdamW, FollowsTheFormulaAndSparesParametersWithoutDecay) {
  const auto kernels = core::open_reference();
  model::Parameters parameters = make_parameters(*kernels);
  test::RandomValues random(3);
  std::vector<double> w = random.normals(13), m(13), v(13);
  parameters.values().set(std::span<const double>(w));
  const double b1 = 0.8, b2 = 0.9, epsilon = 1e-3, decay = 0.1, clip = 0.5;
  AdamW optimizer(parameters, {b1, b2, epsilon, decay});
  for (int step = 1; step <= 3; ++step) {
    const double lr = 0.1 / step;
    const std::vector<double> g = random.normals(13);
    parameters.gradients().set(std::span<const double>(g));
    const double norm = std::sqrt(std::inner_product(g.begin(), g.end(), g.begin(), 0.0));
    optimizer.update(step, lr, clip * norm, ops::sum_of_squares(parameters.gradients()));
    for (std::size_t i = 0; i < w.size(); ++i) {
      m[i] = b1 * m[i] + (1 - b1) * clip * g[i];
      v[i] = b2 * v[i] + (1 - b2) * clip * clip * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(b1, step));
      const double v_hat = v[i] / (1 - std::pow(b2, step));
      const bool spared = i >= 6 && i < 9;
      w[i] -= lr * (m_hat / (std::sqrt(v_hat) + epsilon) + (spared ? 0 : decay) * w[i]);
    }
    const std::vector<double> actual = parameters.values().to_doubles();
    for (std::size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(actual[i], w[i], 1e-12) << i;
  }
  EXPECT_NEAR(optimizer.first_moment().to_doubles()[7], m[7], 1e-12);
  EXPECT_NEAR(optimizer.second_moment().to_doubles()[12], v[12], 1e-12);
}

TEST(AdamW, LeavesEverythingAloneWhereAGradientIsNotFinite) {
  const auto kernels = core::open_device("cpu", "f32", 1);
  model::Parameters parameters = make_parameters(*kernels);
  const std::vector<float> before = parameters.values().to_floats();
  std::vector<float> g(13, 1.0f);
  g[5] = NAN;
  parameters.gradients().set(std::span<const float>(g));
  AdamW optimizer(parameters, {});
  optimizer.update(1, 0.1, 1, ops::sum_of_squares(parameters.gradients()));
  EXPECT_EQ(parameters.values().to_floats(), before);
  EXPECT_EQ(optimizer.first_moment().to_floats(), std::vector<float>(13, 0.0f));
}

TEST(WeightAverage, ItsDecayRisesWithTheSteps) {
  const auto kernels = core::open_device("cpu", "f32", 1);
  const std::vector<float> zeros(2, 0.0f), ones = {1, -2};
  WeightAverage average(0.5, Tensor::from_host(*kernels, {2}, std::span<const float>(zeros)));
  const Tensor values = Tensor::from_host(*kernels, {2}, std::span<const float>(ones));
  average.update(1, values);  // decay 2/11
  EXPECT_FLOAT_EQ(average.values()[0], 9.0f / 11);
  EXPECT_FLOAT_EQ(average.values()[1], -18.0f / 11);
  average.update(1000, values);  // decay 0.5
  EXPECT_FLOAT_EQ(average.values()[0], 10.0f / 11);
}

}  // namespace
}  // namespace dnabird::train
