// The linear layer's products by oneDNN: what processors with AVX-512 use. T = float or Bf16 is the
// type of activations; weights are floats, and are multiplied as T.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y = x w^T + bias, or gelu of it; rows > 0
template <class T>
void linear_forward_by_onednn(const Context& context, const LinearArgs& args);
/// dx = dx_start + dy w; dw += dy^T x; dbias += column sums of dy; rows > 0
template <class T>
void linear_backward_by_onednn(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
