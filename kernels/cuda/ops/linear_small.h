// The linear layer by an own kernel, for the shapes and addresses that cuBLASLt does not take. A
// row has the same bytes among any number of rows. T = float or Bf16; `w` is the weight in T.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y (rows,out) = x w^T + bias, whatever gelu the layer has behind it
template <class T>
void small_linear_forward(const Context& context, const LinearArgs& args, const T* w, T* y);

/// dx = dx_start + dy w
template <class T>
void small_linear_dx(const Context& context, const LinearGrad& args, const T* w);

/// dw += dy^T x
template <class T>
void small_linear_dw(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cuda
