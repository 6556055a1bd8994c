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

/// The CPU in bf16, where the processor has the instructions.
inline constexpr const char* kBf16 = "cpu_bf16";

/// How far a device may be from the reference in double, which gets the same floats: bf16 rounds
/// each to 8 bits first.
inline double kernel_tolerance(const std::string& device) { return device == kBf16 ? 1e-2 : 1e-5; }

/// The device's kernels, in f32 but for "cpu_bf16"; null, with the reason in `why_not`, where a
/// processor or a GPU is needed and not there. "cpu" is always there: its absence is an error.
inline std::unique_ptr<kernels::KernelSet> open_device(const std::string& device, int threads,
                                                       std::string* why_not) {
  const bool names_isa = device.starts_with("cpu_") && device != kBf16;
  const auto dtype = device == kBf16 ? kernels::DType::bf16 : kernels::DType::f32;
  if (device == "cpu" || device == "reference") {
    return kernels::make_kernel_set(device, dtype, threads);
  }
  if (names_isa) setenv("DNABIRD_ISA", device.substr(4).c_str(), 1);
  std::unique_ptr<kernels::KernelSet> kernels;
  try {
    kernels = kernels::make_kernel_set(device == "cuda" ? device : "cpu", dtype, threads);
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
