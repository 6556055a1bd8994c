// Where the CPU's memory pool gets its blocks from.
#pragma once

#include "kernels/memory_pool.h"

namespace dnabird::kernels::cpu {

/// 64-byte aligned memory of the process, in large pages where that pays.
SystemMemory system_memory();

}  // namespace dnabird::kernels::cpu
