// The hyperbolic tangent, which heads use on one row for each sequence: so few values that they are
// computed on the host.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y = tanh(x), the shape of x.
core::Tensor tanh_forward(const core::Tensor& x);

/// dx = dy * (1 - y^2), from what tanh_forward returned. Throws std::logic_error if y and dy differ
/// in size.
core::Tensor tanh_backward(const core::Tensor& y, const core::Tensor& dy);

}  // namespace dnabird::ops
