// Matrix product with a weight in the (out,in) layout of the field.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y (...,out) = x (...,in) w^T (out,in) + bias (out); an empty bias adds nothing.
/// Throws std::logic_error naming the shapes if they do not fit.
core::Tensor linear_forward(const core::Tensor& x, const core::Tensor& w, const core::Tensor& bias);

/// Returns dx (...,in) and adds to dw (out,in) and dbias (out); an empty dw or dbias is not wanted.
/// Throws std::logic_error as above.
core::Tensor linear_backward(const core::Tensor& x, const core::Tensor& w, const core::Tensor& dy,
                             core::Tensor dw, core::Tensor dbias);

}  // namespace dnabird::ops
