// The base of tests that run on every device.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/kernel_set.h"

namespace dnabird::test {

/// Devices that kernels are tested on. The reference in f32 is one of them, and each instruction
/// set of the CPU is one.
inline const auto kDevices = ::testing::Values("cpu_baseline", "cpu_avx2", "cpu_avx512",
                                               "cpu_avx512_bf16", "reference", "cuda");

/// Devices in bf16: the CPU where the processor has the instructions.
inline const auto kDevicesInBf16 = ::testing::Values("cpu_bf16", "cuda_bf16");

inline bool computes_in_bf16(const std::string& device) {
  return device == "cpu_bf16" || device == "cuda_bf16";
}

/// How far a device may be from the reference in double, which gets the same floats: bf16 rounds
/// each to 8 bits first.
inline double kernel_tolerance(const std::string& device) {
  return computes_in_bf16(device) ? 1e-2 : 1e-5;
}

/// The device's kernels, in f32 but for those in bf16; null, with the reason in `why_not`, where a
/// processor or a GPU is needed and not there. "cpu" is always there: its absence is an error.
inline std::unique_ptr<kernels::KernelSet> open_device(const std::string& device, int threads,
                                                       std::string* why_not) {
  const bool names_isa = device.starts_with("cpu_") && !computes_in_bf16(device);
  const auto dtype = computes_in_bf16(device) ? kernels::DType::bf16 : kernels::DType::f32;
  if (device == "cpu" || device == "reference") {
    return kernels::make_kernel_set(device, dtype, threads);
  }
  if (names_isa) setenv("DNABIRD_ISA", device.substr(4).c_str(), 1);
  std::unique_ptr<kernels::KernelSet> kernels;
  try {
    kernels = kernels::make_kernel_set(device.starts_with("cuda") ? "cuda" : "cpu", dtype, threads);
  } catch (const std::invalid_argument& error) {
    *why_not = error.what();
  }
  if (names_isa) unsetenv("DNABIRD_ISA");
  return kernels;
}

/// A test that takes the device's name; skipped, not passed, where the device is not there.
class DeviceTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string why_not;
    kernels_ = open_device(GetParam(), 2, &why_not);
    if (!kernels_) GTEST_SKIP() << why_not;
  }
  std::unique_ptr<kernels::KernelSet> kernels_;
};

}  // namespace dnabird::test
