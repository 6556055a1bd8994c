// Picks a device by the user's words.
#pragma once

#include <memory>
#include <string>

#include "kernels/kernel_set.h"

namespace dnabird::core {

/// `device`: auto, cpu, cuda, cuda:N; `precision`: f32, bf16, or auto, the fastest that the device
/// has instructions for; threads 0 = all cores.
/// Throws UsageError if it is not built or not there.
std::unique_ptr<kernels::KernelSet> open_device(const std::string& device,
                                                const std::string& precision, int threads);

/// A kernel set in double precision on plain loops: the oracle of tests.
std::unique_ptr<kernels::KernelSet> open_reference();

}  // namespace dnabird::core
