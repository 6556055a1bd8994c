// The linear layer: cuBLASLt, or an own kernel for what it does not take. T = float or Bf16 is the
// type of activations; weights, their gradients and biases are f32, and rounded to bf16 for
// products of Bf16 (the bias too: cuBLASLt adds biases of the type of y only).
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y (rows,out) = x w^T + bias, or gelu of it
template <class T>
void linear_forward(const Context& context, const LinearArgs& args);

/// dx = dx_start + dy w; dw += dy^T x; dbias += column sums of dy
template <class T>
void linear_backward(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cuda
