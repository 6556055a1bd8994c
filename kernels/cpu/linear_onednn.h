// The linear layer's products by oneDNN: what processors with AVX-512 use.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y = x w^T + bias; rows > 0
void linear_forward_by_onednn(const Context& context, const LinearArgs& args);
/// dx = dy w; dw += dy^T x; dbias += column sums of dy; rows > 0
void linear_backward_by_onednn(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
