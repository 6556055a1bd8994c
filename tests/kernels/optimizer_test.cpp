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

using kernels::KernelSet;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Optimizer : public DeviceTest {
 protected:
  using Sum = void (KernelSet::*)(std::int64_t, const void*, double*);
  static double total(KernelSet& kernels, Sum sum, const std::vector<double>& x) {
    Workspace w(kernels);
    double* total = w.numbers({kNan});
    (kernels.*sum)(static_cast<std::int64_t>(x.size()), w.in(x), total);
    double result = 0;
    kernels.copy_out(&result, total, sizeof result);
    return result;
  }
  double sum(const std::vector<double>& x) { return total(*kernels_, &KernelSet::sum, x); }
  double sum_of_squares(const std::vector<double>& x) {
    return total(*kernels_, &KernelSet::sum_of_squares, x);
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
    // The norm is 3: what the gradient is scaled by does not come from its own elements.
    kernels_->adamw({kWeights, step, kRate, kBeta1, kBeta2, kEpsilon, kDecay, 3 * kClip,
                     w.numbers({9.0}), w.in(gradient), value, first, second});
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
  kernels_->adamw(
      {3, 1, 0.25, 0.9, 0.999, 0.0, 0.0, 0, w.numbers({1e6}), w.in(gradient), value, m, v});
  EXPECT_TRUE(close(w.results().at("value"), std::vector<double>{0.75, 1.25, 0.75}, 1e-6));
}

TEST_P(Optimizer, adamw_clips_no_norm_below_the_limit_and_stops_at_one_that_is_not_finite) {
  for (const double squares : {0.0, 4.0, kNan, kInfinity}) {
    Workspace w(*kernels_);
    const std::vector<double> gradient{1.0, -2.0, 0.5};
    void* value = w.inout("value", {1.0, 1.0, 1.0});
    void* m = w.inout("m", {0.0, 0.0, 0.0});
    void* v = w.inout("v", {0.0, 0.0, 0.0});
    kernels_->adamw(
        {3, 1, 0.25, 0.5, 0.5, 0.0, 0.0, 2.0, w.numbers({squares}), w.in(gradient), value, m, v});
    const Arrays after = w.results();
    const bool moves = std::isfinite(squares);
    EXPECT_EQ(after.at("m")[1], moves ? -1.0 : 0.0) << squares;
    EXPECT_EQ(after.at("value")[0], moves ? 0.75 : 1.0) << squares;
    EXPECT_EQ(after.at("v")[0], moves ? 0.5 : 0.0) << squares;
  }
}

TEST_P(Optimizer, adamw_spares_every_second_span_the_decay) {
  constexpr std::int64_t n = 9000;  // more than a piece of the CPU's
  const std::vector<std::int32_t> ends{0, 3, 4, 4101, 4102, 4107, 8999};
  Workspace w(*kernels_);
  const std::vector<double> zeros(n, 0.0);
  void* value = w.inout("value", std::vector<double>(n, 1.0));
  void* m = w.inout("m", zeros);
  void* v = w.inout("v", zeros);
  kernels_->adamw({n, 1, 0.5, 0.9, 0.999, 1.0, 0.5, 0, w.numbers({0.0}), w.in(zeros), value, m, v,
                   w.ints(ends), static_cast<std::int64_t>(ends.size())});
  const Arrays after = w.results();
  for (std::int64_t i = 0, span = 0; i < n; ++i) {
    while (span < static_cast<std::int64_t>(ends.size()) && ends[span] <= i) ++span;
    ASSERT_EQ(after.at("value")[i], span % 2 == 0 ? 0.75 : 1.0) << i;
  }
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
    EXPECT_EQ(sum(x), total(*one_thread, &KernelSet::sum, x)) << n;
    EXPECT_EQ(sum_of_squares(x), total(*one_thread, &KernelSet::sum_of_squares, x)) << n;
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
