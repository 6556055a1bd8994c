// The linear layer's products by oneDNN: what processors with AVX-512 use.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y = x w^T + bias
void linear_rows_by_onednn(const Context& context, const LinearArgs& args);
/// dx = dy w
void linear_dx_by_onednn(const Context& context, const LinearGrad& args);
/// dw += dy^T x
void linear_dw_by_onednn(const Context& context, const LinearGrad& args);

}  // namespace dnabird::kernels::cpu
