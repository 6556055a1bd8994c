// AdamW, and the sums that clipping and reporting need, of floats.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// Loshchilov & Hutter 2019, algorithm 2
void adamw(const Context& context, const AdamWArgs& args);

/// Sum of x (n), or of its squares, in double, in an order that depends on n only.
void sum(const Context& context, std::int64_t n, const void* x, double* total);
void sum_of_squares(const Context& context, std::int64_t n, const void* x, double* total);

}  // namespace dnabird::kernels::cuda
