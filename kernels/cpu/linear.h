// The linear layer: oneDNN, or own tiled products where the processor has no AVX-512. T = float or
// Bf16 is the type of activations; Bf16 needs oneDNN.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y (rows,out) = x w^T + bias, or gelu of it
template <class T>
void linear_forward(const Context& context, const LinearArgs& args);

/// dx = dx_start + dy w; dw += dy^T x; dbias += column sums of dy
template <class T>
void linear_backward(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
