// The residual sum.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// y += x, element by element, in place. Throws std::logic_error if the sizes differ.
void add_to(core::Tensor& y, const core::Tensor& x);

}  // namespace dnabird::ops
