#include "core/device.h"

#include <stdexcept>

#include "core/errors.h"
#include "core/log.h"

namespace dnabird::core {
namespace {

constexpr int kMostThreads = 1024;  // far more end in a crash of the thread library

}  // namespace

std::unique_ptr<kernels::KernelSet> open_device(const std::string& device,
                                                const std::string& precision, int threads) {
  if (precision != "auto" && precision != "f32" && precision != "bf16") {
    throw UsageError("--precision " + precision + ": expected auto, f32 or bf16");
  }
  if (threads < 0 || threads > kMostThreads) {
    throw UsageError("--threads: " + std::to_string(threads) + ", expected 1 to " +
                     std::to_string(kMostThreads) + ", or 0 (all cores)");
  }
  if (device != "auto" && device != "cpu" && !device.starts_with("cuda")) {
    throw UsageError("--device " + device + ": expected auto, cpu, cuda or cuda:N");
  }
  try {
    std::string why_not;
    const std::string name = device == "auto" ? kernels::fastest_device(&why_not) : device;
    if (!why_not.empty()) log_info("computing on the CPU: " + why_not);
    const bool in_bf16 = precision == "bf16" || (precision == "auto" && kernels::has_bf16(name));
    return kernels::make_kernel_set(name, in_bf16 ? kernels::DType::bf16 : kernels::DType::f32,
                                    threads);
  } catch (const std::invalid_argument& error) {
    const std::string asked = precision == "bf16" ? ", --precision bf16" : "";
    throw UsageError("--device " + device + asked + ": " + error.what());
  }
}

std::unique_ptr<kernels::KernelSet> open_reference() {
  return kernels::make_kernel_set("reference", kernels::DType::f64, 1);
}

}  // namespace dnabird::core
