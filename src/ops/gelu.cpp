#include "ops/gelu.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

Tensor gelu_forward(kernels::Gelu kind, const Tensor& x) {
  check_floats("gelu", {{"x", &x}});
  check_shapes(!x.is_empty(), "gelu", "x is empty", {{"x", &x}});
  Tensor y = Tensor::empty(x.kernels(), x.shape(), x.dtype());
  kernels_for(x).gelu_forward(kind, x.size(), x.data(), y.data());
  return y;
}

Tensor gelu_backward(kernels::Gelu kind, const Tensor& x, const Tensor& dy) {
  check_floats("gelu backward", {{"x", &x}, {"dy", &dy}});
  check_shapes(!x.is_empty() && x.size() == dy.size(), "gelu backward", "x and dy differ",
               {{"x", &x}, {"dy", &dy}});
  Tensor dx = Tensor::empty(x.kernels(), x.shape(), x.dtype());
  kernels_for(x).gelu_backward(kind, x.size(), x.data(), dy.data(), dx.data());
  return dx;
}

}  // namespace dnabird::ops
