// A shaped buffer in the memory of a kernel set. Copies share the buffer; it is released with the
// last of them. The kernel set must outlive its tensors.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::core {

using kernels::DType;
using kernels::KernelSet;
using Shape = std::vector<std::int64_t>;

std::int64_t element_count(const Shape& shape);
/// "(2,300,128)"
std::string to_string(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;  // empty: size 0, data null

  /// Uninitialised, of the kernel set's own dtype unless another is given.
  static Tensor empty(KernelSet& kernels, Shape shape);
  static Tensor empty(KernelSet& kernels, Shape shape, DType dtype);
  static Tensor zeros(KernelSet& kernels, Shape shape);
  static Tensor zeros(KernelSet& kernels, Shape shape, DType dtype);
  /// Zeros of parameter_dtype(), in memory for parameters (KernelSet::allocate_parameters).
  static Tensor parameters(KernelSet& kernels, Shape shape);
  /// Copies host values in; floating-point ones are converted to parameter_dtype().
  static Tensor from_host(KernelSet& kernels, Shape shape, std::span<const float> values);
  static Tensor from_host(KernelSet& kernels, Shape shape, std::span<const double> values);
  static Tensor from_host(KernelSet& kernels, Shape shape, std::span<const std::int32_t> values);

  const Shape& shape() const { return shape_; }
  std::int64_t dim(int axis) const;  // negative counts from the end
  std::int64_t size() const { return size_; }
  DType dtype() const { return dtype_; }
  bool is_empty() const { return size_ == 0; }
  KernelSet& kernels() const { return *kernels_; }

  void* data() { return data_; }
  const void* data() const { return data_; }
  const std::int32_t* ints() const;  // for i32 tensors

  /// Same buffer, other shape of the same size.
  Tensor reshape(Shape shape) const;
  /// Same buffer, elements [begin, begin + element_count(shape)) as `shape`.
  Tensor view(std::int64_t begin, Shape shape) const;

  void zero();
  void copy_from(const Tensor& other);  // same size and dtype
  void set(std::span<const float> values);
  void set(std::span<const double> values);
  void set(std::span<const std::int32_t> values);

  /// Waits, then copies out; floating-point values convert to the asked type.
  std::vector<float> to_floats() const;
  /// The same values without the wait, which get() does, on any thread.
  std::future<std::vector<float>> start_to_floats() const;
  std::vector<double> to_doubles() const;
  std::vector<std::int32_t> to_ints() const;

 private:
  /// Takes `memory` of the kernel set, which it releases.
  Tensor(KernelSet& kernels, Shape shape, DType dtype, void* memory);

  std::shared_ptr<void> owner_;
  KernelSet* kernels_ = nullptr;
  void* data_ = nullptr;
  std::int64_t size_ = 0;
  DType dtype_ = DType::f32;
  Shape shape_;
};

/// `tensor` holds `values` as `shape`: set in place where it is of that shape, else made anew
/// (Tensor::from_host). So work that was captured with it reads them.
template <class Number>
void set_or_make(KernelSet& kernels, Shape shape, std::span<const Number> values, Tensor& tensor) {
  if (tensor.shape() == shape && !tensor.is_empty()) {
    tensor.set(values);
  } else {
    tensor = Tensor::from_host(kernels, std::move(shape), values);
  }
}

}  // namespace dnabird::core
