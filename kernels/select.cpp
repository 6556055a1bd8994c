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
  }
  throw std::invalid_argument("no such element type");
}

std::unique_ptr<KernelSet> make_kernel_set(const std::string& device, DType dtype, int threads) {
  if (device == "cpu") return cpu::make_cpu_kernel_set(dtype, threads);
  if (device == "reference") return reference::make_reference_kernel_set(dtype);
  if (device == "cuda" || device.starts_with("cuda:")) {
    throw std::invalid_argument("this build has no CUDA kernels; run with --device cpu");
  }
  throw std::invalid_argument("no such device; known are cpu, reference, cuda and cuda:N");
}

std::string describe_devices() {
  return "cpu: usable, " + cpu::make_cpu_kernel_set(DType::f32, 0)->description() +
         "\ncuda: not in this build\n";
}

}  // namespace dnabird::kernels
