#include "kernels/cuda/runtime/devices.h"

#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

int device_count(std::string* why_not) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  int driver = 0;
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    *why_not = "no CUDA device";
  } else if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    *why_not = "no NVIDIA driver";
  } else {
    *why_not = cudaGetErrorString(error);
  }
  return 0;
}

DeviceFacts device_facts(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "properties of a device");
  return {properties.name, 10 * properties.major + properties.minor, properties.multiProcessorCount,
          properties.totalGlobalMem};
}

std::string describe(const DeviceFacts& facts) {
  return facts.name + ", sm_" + std::to_string(facts.capability) + ", " +
         std::to_string(facts.bytes >> 30U) + " GiB";
}

}  // namespace dnabird::kernels::cuda
