// Numerical derivatives of a scalar function of many values, for checks of written gradients.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace dnabird::test {

using ScalarFunction = std::function<double(const std::vector<double>&)>;

/// Step of the five-point rule for values of size about 1 in double: the truncation error is about
/// step^4 and the rounding error about 1e-16 / step, both far below 1e-9.
inline constexpr double kGradientStep = 5e-4;

/// Derivative of f at x along `direction`: (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h.
inline double directional_derivative(const ScalarFunction& f, const std::vector<double>& x,
                                     const std::vector<double>& direction,
                                     double step = kGradientStep) {
  const auto at = [&](double factor) {
    std::vector<double> moved = x;
    for (std::size_t i = 0; i < x.size(); ++i) moved[i] += factor * step * direction[i];
    return f(moved);
  };
  return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step);
}

/// All partial derivatives of f at x, by the same rule; 4 calls of f per value.
inline std::vector<double> numerical_gradient(const ScalarFunction& f, const std::vector<double>& x,
                                              double step = kGradientStep) {
  std::vector<double> gradient(x.size()), direction(x.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    direction[i] = 1.0;
    gradient[i] = directional_derivative(f, x, direction, step);
    direction[i] = 0.0;
  }
  return gradient;
}

}  // namespace dnabird::test
