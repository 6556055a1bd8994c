// The kernels of one CUDA device as a KernelSet.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <optional>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// Kernels of device `device` that compute in f32, or in bf16 with sums and parameters in f32.
/// Throws std::invalid_argument with a line for the user if there is no such device, it is older
/// than sm_80, it cannot compute in `dtype`, or a CUDA library is missing.
std::unique_ptr<KernelSet> make_cuda_kernel_set(DType dtype, int device);

/// Where a kernel set's work goes.
struct DeviceStream {
  int device;
  cudaStream_t stream;
};
/// Of a kernel set that make_cuda_kernel_set made; nothing of all others.
std::optional<DeviceStream> device_stream(const KernelSet& kernels);

}  // namespace dnabird::kernels::cuda
