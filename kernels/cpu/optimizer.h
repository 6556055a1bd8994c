// AdamW, and the sums that clipping and reporting need.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// Loshchilov & Hutter 2019, algorithm 2
void adamw(const Context& context, const AdamWArgs& args);

/// Sum of x (n), or of its squares, in double
void sum(const Context& context, std::int64_t n, const void* x, double* total);
void sum_of_squares(const Context& context, std::int64_t n, const void* x, double* total);

}  // namespace dnabird::kernels::cpu
