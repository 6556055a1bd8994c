// Matrix product with a weight in the (out,in) layout of the field.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y (...,out) = x (...,in) w^T (out,in) + bias (out); an empty bias adds nothing.
/// Throws std::logic_error naming the shapes if they do not fit.
core::Tensor linear_forward(const core::Tensor& x, const core::Tensor& w, const core::Tensor& bias);

/// y (...,out) = gelu(x w^T + bias); `before_gelu` gets x w^T + bias if that is not null (backward
/// needs it). Throws as linear_forward.
core::Tensor linear_gelu_forward(const core::Tensor& x, const core::Tensor& w,
                                 const core::Tensor& bias, kernels::Gelu gelu,
                                 core::Tensor* before_gelu);

/// Returns dx (...,in) and adds to dw (out,in) and dbias (out); an empty dw or dbias is not wanted.
/// Throws std::logic_error as above.
core::Tensor linear_backward(const core::Tensor& x, const core::Tensor& w, const core::Tensor& dy,
                             core::Tensor dw, core::Tensor dbias);

/// What gelu made of `before` (...,in).
struct GeluOutput {
  const core::Tensor& before;
  const core::Tensor& value;  // (...,in)
  kernels::Gelu gelu;
};
/// linear_backward for x = gelu(before): returns the gradient of `before` in place of dx.
core::Tensor linear_backward_through_gelu(const GeluOutput& x, const core::Tensor& w,
                                          const core::Tensor& dy, core::Tensor dw,
                                          core::Tensor dbias);

/// linear_backward that adds to dx, where a residual's gradient lies.
void linear_backward_add(const core::Tensor& x, const core::Tensor& w, const core::Tensor& dy,
                         core::Tensor dw, core::Tensor dbias, core::Tensor& dx);

}  // namespace dnabird::ops
