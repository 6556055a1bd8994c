// Where a CUDA device's memory pool gets its blocks from.
#pragma once

#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

/// Memory of the current device. Without room it throws kernels::OutOfMemory, which says what the
/// device has.
SystemMemory device_memory();

}  // namespace dnabird::kernels::cuda
