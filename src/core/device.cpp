#include "core/device.h"

#include <cstdlib>
#include <stdexcept>

#include "core/errors.h"
#include "core/log.h"

namespace dnabird::core {
namespace {

constexpr int kMostThreads = 1024;  // far more end in a crash of the thread library

struct Wanted {
  std::string precision;
  int threads;
  bool bf16_on_cpu;  // with precision auto, if the processor has it
};

void check(const Wanted& wanted) {
  if (wanted.precision != "auto" && wanted.precision != "f32" && wanted.precision != "bf16") {
    throw UsageError("--precision " + wanted.precision + ": expected auto, f32 or bf16");
  }
  if (wanted.threads < 0 || wanted.threads > kMostThreads) {
    throw UsageError("--threads: " + std::to_string(wanted.threads) + ", expected 1 to " +
                     std::to_string(kMostThreads) + ", or 0 (all cores)");
  }
}

/// Throws std::invalid_argument as make_kernel_set does.
std::unique_ptr<kernels::KernelSet> make(const std::string& name, const Wanted& wanted) {
  const bool in_bf16 = wanted.precision == "bf16" ||
                       (wanted.precision == "auto" &&
                        (name != "cpu" || (wanted.bf16_on_cpu && kernels::has_bf16("cpu"))));
  return kernels::make_kernel_set(name, in_bf16 ? kernels::DType::bf16 : kernels::DType::f32,
                                  wanted.threads);
}

/// `option` is how the user named it.
std::unique_ptr<kernels::KernelSet> make_named(const std::string& name, std::string option,
                                               const Wanted& wanted) {
  option += name;
  if (name != "cpu" && !name.starts_with("cuda")) {
    throw UsageError(option + ": expected auto, cpu, cuda or cuda:N");
  }
  try {
    return make(name, wanted);
  } catch (const std::invalid_argument& error) {
    if (wanted.precision == "bf16") option += ", --precision bf16";
    throw UsageError(option + ": " + error.what());
  }
}

std::unique_ptr<kernels::KernelSet> make_fastest(const Wanted& wanted) {
  std::string why_not;
  if (kernels::fastest_device(&why_not) == "cuda") {
    try {
      return make("cuda", wanted);
    } catch (const std::invalid_argument& error) {
      why_not = error.what();
    }
  }
  static bool said = false;
  if (!why_not.empty() && !said) log_info("computing on the CPU: " + why_not);
  said = true;
  return make_named("cpu", "--device ", wanted);
}

std::unique_ptr<kernels::KernelSet> open(const std::string& device, const Wanted& wanted) {
  check(wanted);
  if (device != "auto") return make_named(device, "--device ", wanted);
  const char* set = std::getenv("DNABIRD_DEVICE");
  const std::string by_environment = set ? set : "";
  if (by_environment.empty() || by_environment == "auto") return make_fastest(wanted);
  return make_named(by_environment, "DNABIRD_DEVICE=", wanted);
}

}  // namespace

std::unique_ptr<kernels::KernelSet> open_device(const std::string& device,
                                                const std::string& precision, int threads) {
  return open(device, {precision, threads, true});
}

std::unique_ptr<kernels::KernelSet> open_training_device(const std::string& device,
                                                         const std::string& precision,
                                                         int threads) {
  return open(device, {precision, threads, false});
}

std::unique_ptr<kernels::KernelSet> open_reference() {
  return kernels::make_kernel_set("reference", kernels::DType::f64, 1);
}

}  // namespace dnabird::core
