// The CUDA devices of this machine.
#pragma once

#include <string>

namespace dnabird::kernels::cuda {

/// How many devices the driver shows; 0 where there is none, or no driver.
int device_count();

/// One line about a device: name, compute capability, memory. Throws std::runtime_error with the
/// driver's words if there is no such device.
std::string describe_device(int device);

}  // namespace dnabird::kernels::cuda
