// Softmax cross-entropy, binary cross-entropy and squared error; formulas in kernel_set.h. All
// buffers hold floats.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

void cross_entropy_forward(const Context& context, const CrossEntropyArgs& args);
void cross_entropy_backward(const Context& context, const CrossEntropyGrad& args);
void binary_cross_entropy_forward(const Context& context, const ElementLossArgs& args);
void binary_cross_entropy_backward(const Context& context, const ElementLossGrad& args);
void squared_error_forward(const Context& context, const ElementLossArgs& args);
void squared_error_backward(const Context& context, const ElementLossGrad& args);

}  // namespace dnabird::kernels::cuda
