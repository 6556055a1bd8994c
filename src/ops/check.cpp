#include "ops/check.h"

#include <stdexcept>

namespace dnabird::ops {

namespace {

const char* dtype_name(core::DType dtype) {
  switch (dtype) {
    case core::DType::f32:
      return "f32";
    case core::DType::f64:
      return "f64";
    case core::DType::i32:
      return "i32";
    case core::DType::bf16:
      return "bf16";
  }
  return "unknown";
}

void check_dtype(const char* op, const NamedTensor& named, core::DType expected) {
  const auto& [name, tensor] = named;
  if (tensor->is_empty() || tensor->dtype() == expected) return;
  throw std::logic_error(std::string("bug: ") + op + ": " + name + " " +
                         core::to_string(tensor->shape()) + " holds " +
                         dtype_name(tensor->dtype()) + ", expected " + dtype_name(expected));
}

}  // namespace

void check_shapes(bool fits, const char* op, const char* why,
                  std::initializer_list<NamedTensor> tensors) {
  if (fits) return;
  std::string message = std::string("bug: ") + op + ": " + why + ":";
  for (const auto& [name, tensor] : tensors) {
    message += std::string(" ") + name + " " + core::to_string(tensor->shape());
  }
  throw std::logic_error(message);
}

void check_floats(const char* op, std::initializer_list<NamedTensor> activations) {
  const core::Tensor* first = nullptr;
  for (const NamedTensor& named : activations) {
    const core::Tensor& tensor = *named.second;
    if (tensor.is_empty()) continue;
    if (first == nullptr) first = &tensor;
    const core::KernelSet& kernels = tensor.kernels();
    const bool known =
        first->dtype() == kernels.dtype() || first->dtype() == kernels.parameter_dtype();
    check_dtype(op, named, known ? first->dtype() : kernels.dtype());
  }
}

void check_parameters(const char* op, std::initializer_list<NamedTensor> parameters) {
  for (const NamedTensor& named : parameters) {
    if (named.second->is_empty()) continue;
    check_dtype(op, named, named.second->kernels().parameter_dtype());
  }
}

core::KernelSet& kernels_for(const core::Tensor& x) { return x.kernels().in(x.dtype()); }

void check_ints(const char* op, std::initializer_list<NamedTensor> tensors) {
  for (const NamedTensor& named : tensors) check_dtype(op, named, core::DType::i32);
}

std::int64_t row_count(const core::Tensor& x) { return x.is_empty() ? 0 : x.size() / x.dim(-1); }

void* data_or_null(core::Tensor& tensor) { return tensor.is_empty() ? nullptr : tensor.data(); }

const void* data_or_null(const core::Tensor& tensor) {
  return tensor.is_empty() ? nullptr : tensor.data();
}

}  // namespace dnabird::ops
