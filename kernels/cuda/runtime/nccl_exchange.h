// Sums over GPUs of one machine by NCCL.
#pragma once

#include <memory>
#include <span>

#include "kernels/exchange.h"

namespace dnabird::kernels::cuda {

/// All members are CUDA kernel sets. Throws std::invalid_argument with a line for the user if two
/// are of one device or NCCL is missing.
std::unique_ptr<Exchange> make_nccl_exchange(std::span<KernelSet* const> members);

}  // namespace dnabird::kernels::cuda
