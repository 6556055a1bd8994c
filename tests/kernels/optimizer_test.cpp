// AdamW against its formula written out for one weight, and the sums.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "support/compare.h"
#include "support/device_test.h"
#include "support/kernel_workspace.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Optimizer : public DeviceTest {
 protected:
  double sum(const std::vector<double>& x) {
    Workspace w(*kernels_);
    return kernels_->sum(static_cast<std::int64_t>(x.size()), w.in(x));
  }
  double sum_of_squares(const std::vector<double>& x) {
    Workspace w(*kernels_);
    return kernels_->sum_of_squares(static_cast<std::int64_t>(x.size()), w.in(x));
  }
};

TEST_P(Optimizer, adamw_follows_its_formula_over_ten_steps) {
  constexpr double kRate = 0.01, kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 1e-3, kDecay = 0.1,
                   kClip = 0.5;
  constexpr std::size_t kWeights = 37;
  RandomValues random(6);
  Workspace w(*kernels_);
  std::vector<double> weights = random.normals(kWeights), m(kWeights, 0.0), v(kWeights, 0.0);
  void* value = w.inout("value", weights);
  void* first = w.inout("m", m);
  void* second = w.inout("v", v);
  for (int step = 1; step <= 10; ++step) {
    const std::vector<double> gradient = random.normals(kWeights);
    kernels_->adamw({kWeights, step, kRate, kBeta1, kBeta2, kEpsilon, kDecay, kClip, w.in(gradient),
                     value, first, second});
    for (std::size_t i = 0; i < kWeights; ++i) {
      const double clipped = kClip * gradient[i];
      m[i] += (1 - kBeta1) * (clipped - m[i]);
      v[i] += (1 - kBeta2) * (clipped * clipped - v[i]);
      const double unbiased_m = m[i] / (1 - std::pow(kBeta1, step));
      const double unbiased_v = v[i] / (1 - std::pow(kBeta2, step));
      const double decayed = weights[i] * (1 - kRate * kDecay);
      weights[i] = decayed - kRate * unbiased_m / (std::sqrt(unbiased_v) + kEpsilon);
    }
  }
  const Arrays results = w.results();
  EXPECT_TRUE(close(results.at("value"), weights, 1e-6));
  EXPECT_TRUE(close(results.at("m"), m, 1e-6));
  EXPECT_TRUE(close(results.at("v"), v, 1e-6));
}

TEST_P(Optimizer, adamw_moves_a_fresh_weight_by_the_rate_against_the_sign_of_its_gradient) {
  Workspace w(*kernels_);
  const std::vector<double> gradient{2.0, -0.001, 30.0};
  void* value = w.inout("value", {1.0, 1.0, 1.0});
  void* m = w.inout("m", {0.0, 0.0, 0.0});
  void* v = w.inout("v", {0.0, 0.0, 0.0});
  kernels_->adamw({3, 1, 0.25, 0.9, 0.999, 0.0, 0.0, 1.0, w.in(gradient), value, m, v});
  EXPECT_TRUE(close(w.results().at("value"), std::vector<double>{0.75, 1.25, 0.75}, 1e-6));
}

TEST_P(Optimizer, sums_are_exact_to_double) {
  EXPECT_EQ(sum({}), 0.0);
  EXPECT_EQ(sum_of_squares({}), 0.0);
  EXPECT_EQ(sum({1.0, 2.0, -4.5}), -1.5);
  EXPECT_EQ(sum_of_squares({1.0, 2.0, -4.5}), 25.25);
  // In float these ones would vanish beside the large number.
  std::vector<double> values(5003, 1.0);
  values[0] = 16777216.0;
  EXPECT_EQ(sum(values), 16777216.0 + 5002.0);
  EXPECT_EQ(sum_of_squares(values), 281474976710656.0 + 5002.0);
}

TEST_P(Optimizer, sums_equal_plain_sums) {
  for (const std::int64_t n : {1, 7, 1000, 70001}) {
    const std::vector<double> x = RandomValues(7).normals(n, 1.0, 0.5);
    const double expected = std::accumulate(x.begin(), x.end(), 0.0);
    const double squares = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
    EXPECT_NEAR(sum(x), expected, 1e-12 * squares) << n;
    EXPECT_NEAR(sum_of_squares(x), squares, 1e-12 * squares) << n;
  }
}

TEST_P(Optimizer, sums_do_not_depend_on_threads) {
  std::string why_not;
  const auto one_thread = open_device(GetParam(), 1, &why_not);
  for (const std::int64_t n : {7, 70001}) {
    const std::vector<double> x = RandomValues(8).normals(n);
    Workspace w(*one_thread);
    const void* values = w.in(x);
    EXPECT_EQ(sum(x), one_thread->sum(n, values)) << n;
    EXPECT_EQ(sum_of_squares(x), one_thread->sum_of_squares(n, values)) << n;
  }
}

TEST_P(Optimizer, sum_of_squares_shows_a_value_that_is_not_finite) {
  for (const double bad : {kNan, kInfinity, -kInfinity}) {
    for (const std::size_t where : {0, 57, 1000}) {
      std::vector<double> x(1001, 1.0);
      x[where] = bad;
      EXPECT_FALSE(std::isfinite(sum_of_squares(x))) << bad << " at " << where;
    }
  }
  EXPECT_TRUE(std::isfinite(sum_of_squares({3e38}))) << "large, but finite";
}

INSTANTIATE_TEST_SUITE_P(Kernels, Optimizer, kDevices,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
