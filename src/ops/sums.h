// Sums over all elements, in double and in a fixed order.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// (1) f64: the sum of x, which holds elements of the type of the kernel set's parameters.
/// Throws std::logic_error if x is empty or holds others.
core::Tensor sum(const core::Tensor& x);

/// (1) f64: the sum of squares of x; not finite if any element is not. Throws as sum().
core::Tensor sum_of_squares(const core::Tensor& x);

}  // namespace dnabird::ops
