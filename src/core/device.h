// Picks a device by the user's words.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::core {

/// `device`: cpu, cuda (the first GPU), cuda:N, or auto: what $DNABIRD_DEVICE names if that is set,
/// else the first GPU that can be used, else cpu (then it says once why, if this build has CUDA
/// kernels). `precision`: f32, bf16, or auto, the fastest that the device has instructions for;
/// threads 0 = all cores. Throws UsageError if it is not built or not there, or a list.
std::unique_ptr<kernels::KernelSet> open_device(const std::string& device,
                                                const std::string& precision, int threads);

/// The same to train on, where auto is bf16 on a GPU and f32 on a processor.
std::unique_ptr<kernels::KernelSet> open_training_device(const std::string& device,
                                                         const std::string& precision, int threads);

/// For work that is split over devices. `list`: what open_device takes, which makes one kernel set;
/// cuda:all, every GPU that can be used; or names with commas between, "cuda:0,cuda:1", a kernel
/// set each, in that order. "cpu,cpu" makes kernel sets that share the threads, at least one each:
/// nothing is faster for it, but all that several GPUs do runs on a machine that has none. Throws
/// UsageError also if an item is empty, a GPU is named twice, or CPU and GPUs are mixed.
std::vector<std::unique_ptr<kernels::KernelSet>> open_devices(const std::string& list,
                                                              const std::string& precision,
                                                              int threads);
std::vector<std::unique_ptr<kernels::KernelSet>> open_training_devices(const std::string& list,
                                                                       const std::string& precision,
                                                                       int threads);

/// A kernel set in double precision on plain loops: the oracle of tests.
std::unique_ptr<kernels::KernelSet> open_reference();

}  // namespace dnabird::core
