#include "core/device.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace dnabird::core {
namespace {

using KernelSets = std::vector<std::unique_ptr<kernels::KernelSet>>;

constexpr const char* kAllGpus = "cuda:all";
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

bool is_known(const std::string& name) { return name == "cpu" || name.starts_with("cuda"); }

/// `option` is how the user named it.
std::unique_ptr<kernels::KernelSet> make_named(const std::string& name, std::string option,
                                               const Wanted& wanted) {
  option += name;
  if (!is_known(name)) {
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
  const std::vector<std::string> gpus = kernels::usable_gpus(&why_not);
  if (!gpus.empty()) {
    try {
      return make(gpus[0], wanted);
    } catch (const std::invalid_argument& error) {
      why_not = error.what();
    }
  }
  static bool said = false;
  if (!why_not.empty() && !said) log_info("computing on the CPU: " + why_not);
  said = true;
  return make_named("cpu", "--device ", wanted);
}

bool names_several(const std::string& device) {
  return device == kAllGpus || device.find(',') != std::string::npos;
}

std::unique_ptr<kernels::KernelSet> open(const std::string& device, const Wanted& wanted) {
  check(wanted);
  if (names_several(device)) {
    throw UsageError("--device " + device + ": this command runs on one device; name one of them");
  }
  if (device != "auto") return make_named(device, "--device ", wanted);
  const char* set = std::getenv("DNABIRD_DEVICE");
  const std::string by_environment = set ? set : "";
  if (by_environment.empty() || by_environment == "auto") return make_fastest(wanted);
  if (names_several(by_environment)) {
    throw UsageError("DNABIRD_DEVICE=" + by_environment +
                     ": expected one device, which every command can run on; name several with "
                     "--device");
  }
  return make_named(by_environment, "DNABIRD_DEVICE=", wanted);
}

/// Names of one GPU made equal: "cuda:0" of "cuda" and of "cuda:00".
std::string full_name(const std::string& name) {
  if (name == "cuda") return "cuda:0";
  if (!name.starts_with("cuda:")) return name;
  const std::optional<std::int64_t> number = parse_int(name.substr(5));
  return number ? "cuda:" + std::to_string(*number) : name;
}

std::vector<std::string> parse_list(const std::string& list) {
  if (list == kAllGpus) {
    std::string why_not;
    const std::vector<std::string> gpus = kernels::usable_gpus(&why_not);
    // Opening the first one will say why there is none.
    return gpus.empty() ? std::vector<std::string>{"cuda:0"} : gpus;
  }
  const auto refuse = [&](const std::string& why) {
    throw UsageError("--device " + list + ": " + why);
  };
  std::vector<std::string> names;
  for (const std::string& item : split(list, ',')) {
    const std::string name = full_name(item);
    if (name.empty()) {
      refuse("item " + std::to_string(names.size() + 1) +
             " is empty; expected names of devices with commas between, like cuda:0,cuda:1");
    }
    if (name == "auto" || name == kAllGpus) refuse(name + " stands alone, not in a list");
    if (!is_known(name)) refuse("'" + item + "': expected cpu, cuda or cuda:N");
    const bool is_cpu = name == "cpu";
    if (!is_cpu && std::find(names.begin(), names.end(), name) != names.end()) {
      refuse(name + " is named twice; name each GPU once");
    }
    if (!names.empty() && is_cpu != (names[0] == "cpu")) {
      refuse("the CPU and GPUs do not share a run; name GPUs alone");
    }
    names.push_back(name);
  }
  return names;
}

KernelSets open_list(const std::string& list, const Wanted& wanted) {
  KernelSets sets;
  if (!names_several(list)) {
    sets.push_back(open(list, wanted));
    return sets;
  }
  check(wanted);
  const std::vector<std::string> names = parse_list(list);
  const int n = static_cast<int>(names.size());
  const int threads =
      wanted.threads > 0 ? wanted.threads : static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 0; i < n; ++i) {
    Wanted part = wanted;
    part.threads = std::max(1, threads / n + (i < threads % n ? 1 : 0));
    sets.push_back(make_named(names[static_cast<std::size_t>(i)], "--device " + list + ": ", part));
  }
  return sets;
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

KernelSets open_devices(const std::string& list, const std::string& precision, int threads) {
  return open_list(list, {precision, threads, true});
}

KernelSets open_training_devices(const std::string& list, const std::string& precision,
                                 int threads) {
  return open_list(list, {precision, threads, false});
}

std::unique_ptr<kernels::KernelSet> open_reference() {
  return kernels::make_kernel_set("reference", kernels::DType::f64, 1);
}

}  // namespace dnabird::core
