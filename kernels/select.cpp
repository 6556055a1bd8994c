// The only place that knows which devices were built.
#include <stdexcept>

#include "kernels/cpu/cpu_kernel_set.h"
#include "kernels/kernel_set.h"
#include "kernels/reference/reference_kernel_set.h"

namespace dnabird::kernels {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
  }
  throw std::invalid_argument("no such element type");
}

KernelSet& KernelSet::in(DType dtype) {
  if (dtype == this->dtype()) return *this;
  throw std::invalid_argument("bug: " + name() + " has no kernels for elements of this type");
}

std::unique_ptr<KernelSet> make_kernel_set(const std::string& device, DType dtype, int threads) {
  if (device == "cpu") return cpu::make_cpu_kernel_set(dtype, threads);
  if (device == "reference") return reference::make_reference_kernel_set(dtype);
  if (device == "cuda" || device.starts_with("cuda:")) {
    throw std::invalid_argument("this build has no CUDA kernels; run with --device cpu");
  }
  throw std::invalid_argument("no such device; known are cpu, reference, cuda and cuda:N");
}

bool has_bf16(const std::string& device) { return device == "cpu" && cpu::has_bf16(); }

std::string describe_devices() {
  return "cpu: usable, " + cpu::make_cpu_kernel_set(DType::f32, 0)->description() +
         (has_bf16("cpu") ? "; bf16 too" : "; no bf16") + "\ncuda: not in this build\n";
}

}  // namespace dnabird::kernels
