// The linear layer: oneDNN, or own tiled products where the processor has no AVX-512.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y (rows,out) = x w^T + bias
void linear_forward(const Context& context, const LinearArgs& args);

/// dx = dy w; dw += dy^T x; dbias += column sums of dy
void linear_backward(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
