// The first link of the chain of proof: every backward of the reference against finite differences
// of its forward, in double.
#include <gtest/gtest.h>

#include <numeric>

#include "support/compare.h"
#include "support/gradcheck.h"
#include "support/op_families.h"

namespace dnabird::test {
namespace {

constexpr double kTolerance = 1e-6;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  // A missing gradient (NaN) marks an output that reaches no loss.
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::isnan(a[i]) ? 0 : a[i] * b[i];
  return sum;
}

class Gradient : public ::testing::TestWithParam<OpFamily> {
 protected:
  void SetUp() override {
    kernels_ = kernels::make_kernel_set("reference", kernels::DType::f64, 1);
  }

  /// dy.y as a function of one input.
  ScalarFunction total(const Op& op, const std::string& input) {
    return [this, op, input](const std::vector<double>& values) {
      Op moved = op;
      moved.inputs[input] = values;
      return dot(op.inputs.at("dy"), moved.forward(*kernels_, moved, 0).at("y"));
    };
  }
  Arrays gradients(const Op& op, const GradientRequest& request) {
    return op.backward(*kernels_, op, op.forward(*kernels_, op, 0), request);
  }

  std::unique_ptr<kernels::KernelSet> kernels_;
};

TEST_P(Gradient, equals_finite_differences_for_each_element) {
  for (const Op& op : GetParam().ops()) {
    for (const auto& [name, gradient] : gradients(op, {})) {
      const std::vector<double> expected = numerical_gradient(total(op, name), op.inputs.at(name));
      EXPECT_TRUE(close(gradient, expected, kTolerance)) << op.name << ", gradient of " << name;
    }
  }
}

TEST_P(Gradient, equals_finite_differences_along_random_directions) {
  RandomValues random(5);
  for (const Op& op : GetParam().ops()) {
    for (const auto& [name, gradient] : gradients(op, {})) {
      for (int i = 0; i < 5; ++i) {
        const std::vector<double> direction = random.normals(op.size(name));
        const double expected =
            directional_derivative(total(op, name), op.inputs.at(name), direction);
        // The slope may vanish along a direction; its natural size is that of the gradient.
        const double size = std::sqrt(dot(gradient, gradient));
        EXPECT_NEAR(dot(gradient, direction), expected, kTolerance * std::max(size, 1e-3))
            << op.name << ", gradient of " << name;
      }
    }
  }
}

TEST_P(Gradient, of_parameters_accumulates_and_of_activations_overwrites) {
  constexpr double kStart = 0.75;
  for (const Op& op : GetParam().ops()) {
    const Arrays from_zero = gradients(op, {});
    for (auto [name, gradient] : gradients(op, {.start = kStart})) {
      if (op.accumulating.contains(name)) {
        for (double& g : gradient) g -= kStart;
      }
      EXPECT_TRUE(close(gradient, from_zero.at(name), 1e-12)) << op.name << ", " << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, Gradient, ::testing::ValuesIn(gradient_families()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace dnabird::test
