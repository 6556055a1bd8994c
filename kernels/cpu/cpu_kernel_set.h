// The CPU's kernels: oneDNN for the large matrix products, own vectorised and threaded loops.
#pragma once

#include <memory>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cpu {

/// f32 only (std::invalid_argument otherwise); threads 0 = all cores.
std::unique_ptr<KernelSet> make_cpu_kernel_set(DType dtype, int threads);

}  // namespace dnabird::kernels::cpu
