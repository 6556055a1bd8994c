// The CPU's kernels: oneDNN for the large matrix products, own vectorised and threaded loops.
#pragma once

#include <memory>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cpu {

/// f32, or bf16 where the processor multiplies it (std::invalid_argument otherwise, with a line for
/// the user); threads 0 = all cores.
std::unique_ptr<KernelSet> make_cpu_kernel_set(DType dtype, int threads);

/// Whether this processor multiplies bf16, and DNABIRD_ISA does not leave that out.
bool has_bf16();

}  // namespace dnabird::kernels::cpu
