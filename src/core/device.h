// Picks a device by the user's words.
#pragma once

#include <memory>
#include <string>

#include "kernels/kernel_set.h"

namespace dnabird::core {

/// `device`: cpu, cuda, cuda:N, or auto: what $DNABIRD_DEVICE names if that is set, else cuda where
/// it can be used, else cpu (then it says once why, if this build has CUDA kernels).
/// `precision`: f32, bf16, or auto, the fastest that the device has instructions for; threads 0 =
/// all cores. Throws UsageError if it is not built or not there.
std::unique_ptr<kernels::KernelSet> open_device(const std::string& device,
                                                const std::string& precision, int threads);

/// The same to train on, where auto is bf16 on a GPU and f32 on a processor.
std::unique_ptr<kernels::KernelSet> open_training_device(const std::string& device,
                                                         const std::string& precision, int threads);

/// A kernel set in double precision on plain loops: the oracle of tests.
std::unique_ptr<kernels::KernelSet> open_reference();

}  // namespace dnabird::core
