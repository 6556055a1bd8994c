// The linear layer's products by own tiles (simd/product.h): what processors without AVX-512 use.
// There oneDNN 2.6 would take a product whose rows change their last bits with the number of rows.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y = x w^T + bias, or gelu of it; rows > 0
void linear_forward_by_tiles(const Context& context, const LinearArgs& args);
/// dx = dx_start + dy w; dw += dy^T x; dbias += column sums of dy; rows > 0
void linear_backward_by_tiles(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
