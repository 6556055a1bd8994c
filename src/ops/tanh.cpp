#include "ops/tanh.h"

#include <cmath>
#include <vector>

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

Tensor tanh_forward(const Tensor& x) {
  check_floats("tanh", {{"x", &x}});
  check_shapes(!x.is_empty(), "tanh", "x is empty", {{"x", &x}});
  std::vector<double> values = x.to_doubles();
  for (double& value : values) value = std::tanh(value);
  return Tensor::from_host(x.kernels(), x.shape(), std::span<const double>(values));
}

Tensor tanh_backward(const Tensor& y, const Tensor& dy) {
  check_floats("tanh backward", {{"y", &y}, {"dy", &dy}});
  check_shapes(!y.is_empty() && y.size() == dy.size(), "tanh backward", "y and dy differ",
               {{"y", &y}, {"dy", &dy}});
  const std::vector<double> outputs = y.to_doubles();
  std::vector<double> values = dy.to_doubles();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= 1 - outputs[i] * outputs[i];
  return Tensor::from_host(y.kernels(), y.shape(), std::span<const double>(values));
}

}  // namespace dnabird::ops
