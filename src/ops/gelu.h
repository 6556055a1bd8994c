// The GELU activation, as tanh approximation or with erf (Hendrycks & Gimpel 2016).
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y = gelu(x), the shape of x.
core::Tensor gelu_forward(kernels::Gelu kind, const core::Tensor& x);

/// dx = dy * gelu'(x). Throws std::logic_error if x and dy differ in size.
core::Tensor gelu_backward(kernels::Gelu kind, const core::Tensor& x, const core::Tensor& dy);

}  // namespace dnabird::ops
