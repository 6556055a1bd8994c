// The truth for tests and benchmarks: every op as plain loops, in float or double.
#pragma once

#include <memory>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// dtype f32 or f64; throws std::invalid_argument for another.
std::unique_ptr<KernelSet> make_reference_kernel_set(DType dtype);

}  // namespace dnabird::kernels::reference
