// The linear layer's products by own tiles (simd/product.h): what processors without AVX-512 use.
// There oneDNN 2.6 would take a product whose rows change their last bits with the number of rows.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y = x w^T + bias
void linear_rows_by_tiles(const Context& context, const LinearArgs& args);
/// dx = dy w
void linear_dx_by_tiles(const Context& context, const LinearGrad& args);
/// dw += dy^T x
void linear_dw_by_tiles(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
