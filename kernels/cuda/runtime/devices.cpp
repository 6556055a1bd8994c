#include "kernels/cuda/runtime/devices.h"

#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

int device_count() {
  int count = 0;
  // A machine without a driver is a machine without devices, not an error.
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

std::string describe_device(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "properties of a device");
  return std::string(properties.name) + ", sm_" + std::to_string(properties.major) +
         std::to_string(properties.minor) + ", " +
         std::to_string(properties.totalGlobalMem >> 20U) + " MiB";
}

}  // namespace dnabird::kernels::cuda
