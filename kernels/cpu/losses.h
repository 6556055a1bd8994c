// Softmax cross-entropy, binary cross-entropy and squared error; formulas in kernel_set.h.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

void cross_entropy_forward(const Context& context, const CrossEntropyArgs& args);
void cross_entropy_backward(const Context& context, const CrossEntropyGrad& args);
void binary_cross_entropy_forward(const Context& context, const ElementLossArgs& args);
void binary_cross_entropy_backward(const Context& context, const ElementLossGrad& args);
void squared_error_forward(const Context& context, const ElementLossArgs& args);
void squared_error_backward(const Context& context, const ElementLossGrad& args);

}  // namespace dnabird::kernels::cpu
