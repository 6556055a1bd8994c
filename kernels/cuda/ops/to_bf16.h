// Rounding of floats to bf16.
#pragma once

#include <cstddef>

#include "kernels/bf16.h"
#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

/// y (n) = x, each to the nearest bf16, of two as near the even one.
void to_bf16(const Context& context, std::size_t n, const float* x, Bf16* y);

}  // namespace dnabird::kernels::cuda
