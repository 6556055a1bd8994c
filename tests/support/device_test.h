// The base of tests that run on every device.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/kernel_set.h"

namespace dnabird::test {

/// Devices that kernels are tested on. The reference in f32 is one of them.
inline const auto kDevices = ::testing::Values("cpu", "reference", "cuda");

/// The device's kernels in f32; null, with the reason in `why_not`, where a GPU is needed and not
/// there. The CPU is always there: its absence is an error.
inline std::unique_ptr<kernels::KernelSet> open_device(const std::string& device, int threads,
                                                       std::string* why_not) {
  if (device != "cuda") return kernels::make_kernel_set(device, kernels::DType::f32, threads);
  try {
    return kernels::make_kernel_set(device, kernels::DType::f32, threads);
  } catch (const std::invalid_argument& error) {
    *why_not = error.what();
    return nullptr;
  }
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
