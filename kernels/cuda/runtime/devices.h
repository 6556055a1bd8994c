// The CUDA devices of this machine.
#pragma once

#include <cstddef>
#include <string>

namespace dnabird::kernels::cuda {

constexpr int kOldestCapability = 80;

/// How many devices the driver shows. Where it is 0, `why_not` says what is missing: a driver, a
/// device, or a driver that is new enough.
int device_count(std::string* why_not);

struct DeviceFacts {
  std::string name;
  int capability;  // 10 * major + minor
  int multiprocessors;
  std::size_t bytes;  // of memory
};

/// Throws std::runtime_error with the driver's words if there is no such device.
DeviceFacts device_facts(int device);

/// "NVIDIA H100 80GB HBM3, sm_90, 79 GiB"
std::string describe(const DeviceFacts& facts);

}  // namespace dnabird::kernels::cuda
