// The only place that knows which devices were built.
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_kernel_set.h"
#include "kernels/exchange.h"
#include "kernels/host_exchange.h"
#include "kernels/kernel_set.h"
#include "kernels/reference/reference_kernel_set.h"

#if defined(DNABIRD_HAS_CUDA)
#include "kernels/cuda/runtime/cuda_kernel_set.h"
#include "kernels/cuda/runtime/devices.h"
#include "kernels/cuda/runtime/nccl_exchange.h"
#endif

namespace dnabird::kernels {

namespace {

/// N of "cuda:N", 0 for "cuda"; nothing for other devices.
std::optional<int> cuda_index(const std::string& device) {
  if (device == "cuda") return 0;
  if (!device.starts_with("cuda:")) return std::nullopt;
  int index = 0;
  const char* end = device.data() + device.size();
  const auto [rest, error] = std::from_chars(device.data() + 5, end, index);
  if (error != std::errc() || rest != end || index < 0) return std::nullopt;
  return index;
}

#if defined(DNABIRD_HAS_CUDA)
std::unique_ptr<KernelSet> make_cuda(DType dtype, int index) {
  return cuda::make_cuda_kernel_set(dtype, index);
}

std::vector<std::string> usable_cuda_devices(std::string* why_not) {
  std::vector<std::string> names;
  std::string too_old;
  const int count = cuda::device_count(why_not);
  for (int i = 0; i < count; ++i) {
    const cuda::DeviceFacts facts = cuda::device_facts(i);
    if (facts.capability >= cuda::kOldestCapability) {
      names.push_back("cuda:" + std::to_string(i));
    } else if (too_old.empty()) {
      too_old = describe(facts) + " is older than sm_80";
    }
  }
  if (count > 0 && names.empty()) *why_not = too_old;
  return names;
}

bool is_cuda(const KernelSet& kernels) { return cuda::device_stream(kernels).has_value(); }

std::string describe_cuda() {
  std::string why_not;
  const int count = cuda::device_count(&why_not);
  if (count == 0) return "cuda: not usable, " + why_not + "\n";
  std::string lines;
  for (int i = 0; i < count; ++i) {
    const cuda::DeviceFacts facts = cuda::device_facts(i);
    lines += "cuda:" + std::to_string(i) + ": " +
             (facts.capability < cuda::kOldestCapability ? "not usable (sm_80 or newer is), "
                                                         : "usable, ") +
             describe(facts) + "\n";
  }
  return lines;
}
#else
std::unique_ptr<KernelSet> make_cuda(DType, int) {
  throw std::invalid_argument("this build has no CUDA kernels; run with --device cpu");
}

std::vector<std::string> usable_cuda_devices(std::string*) { return {}; }

bool is_cuda(const KernelSet&) { return false; }

std::string describe_cuda() { return "cuda: not in this build\n"; }
#endif

}  // namespace

std::unique_ptr<KernelSet> make_kernel_set(const std::string& device, DType dtype, int threads) {
  if (device == "cpu") return cpu::make_cpu_kernel_set(dtype, threads);
  if (device == "reference") return reference::make_reference_kernel_set(dtype);
  if (const std::optional<int> index = cuda_index(device)) return make_cuda(dtype, *index);
  throw std::invalid_argument("no such device; known are cpu, reference, cuda and cuda:N");
}

std::unique_ptr<Exchange> make_exchange(std::span<KernelSet* const> members) {
  if (members.empty()) throw std::invalid_argument("no devices to sum over");
  const bool on_gpus = is_cuda(*members[0]);
  for (const KernelSet* member : members) {
    if (is_cuda(*member) != on_gpus) {
      throw std::invalid_argument(members[0]->name() + " and " + member->name() +
                                  " cannot train together; name GPUs alone");
    }
    if (member->parameter_dtype() != DType::f32) {
      throw std::invalid_argument(member->name() + " has no parameters in f32 to sum");
    }
  }
#if defined(DNABIRD_HAS_CUDA)
  if (on_gpus) {
    std::vector<cuda::DeviceStream> streams;
    for (const KernelSet* member : members) streams.push_back(*cuda::device_stream(*member));
    return cuda::make_nccl_exchange(streams);
  }
#endif
  return make_host_exchange(members.size());
}

bool has_bf16(const std::string& device) {
  return device == "cpu" ? cpu::has_bf16() : cuda_index(device).has_value();
}

std::vector<std::string> usable_gpus(std::string* why_not) {
  why_not->clear();
  return usable_cuda_devices(why_not);
}

std::string describe_devices() {
  return "cpu: usable, " + cpu::make_cpu_kernel_set(DType::f32, 0)->description() +
         (has_bf16("cpu") ? "; bf16 too\n" : "; no bf16\n") + describe_cuda();
}

}  // namespace dnabird::kernels
