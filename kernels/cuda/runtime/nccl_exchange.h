// Sums over GPUs of one machine by NCCL.
#pragma once

#include <memory>
#include <vector>

#include "kernels/cuda/runtime/cuda_kernel_set.h"
#include "kernels/exchange.h"

namespace dnabird::kernels::cuda {

/// Where each member's kernels run. Throws std::invalid_argument with a line for the user if two
/// are on one device, NCCL is missing, or CUDA_LAUNCH_BLOCKING is set.
std::unique_ptr<Exchange> make_nccl_exchange(const std::vector<DeviceStream>& members);

}  // namespace dnabird::kernels::cuda
