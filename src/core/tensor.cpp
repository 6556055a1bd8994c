#include "core/tensor.h"

#include <algorithm>
#include <type_traits>

#include "core/errors.h"
#include "kernels/bf16.h"

namespace dnabird::core {

namespace {

template <class To, class From>
void copy_as(Tensor& tensor, std::span<const From> values) {
  if constexpr (std::is_same_v<To, From>) {
    tensor.kernels().copy_in(tensor.data(), values.data(), values.size() * sizeof(To));
  } else {
    const std::vector<To> converted(values.begin(), values.end());
    tensor.kernels().copy_in(tensor.data(), converted.data(), converted.size() * sizeof(To));
  }
}

template <class From>
std::vector<kernels::Bf16> round(std::span<const From> values) {
  std::vector<kernels::Bf16> rounded(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    kernels::assign(rounded[i], static_cast<float>(values[i]));
  }
  return rounded;
}

template <class From>
void copy_values_in(Tensor& tensor, std::span<const From> values) {
  require(static_cast<std::int64_t>(values.size()) == tensor.size(),
          "tensor " + to_string(tensor.shape()) + " set from " + std::to_string(values.size()) +
              " values");
  if (tensor.dtype() == DType::f32) {
    copy_as<float>(tensor, values);
  } else if (tensor.dtype() == DType::f64) {
    copy_as<double>(tensor, values);
  } else if (tensor.dtype() == DType::bf16) {
    const auto host = round(values);
    tensor.kernels().copy_in(tensor.data(), host.data(), host.size() * sizeof(kernels::Bf16));
  } else {
    copy_as<std::int32_t>(tensor, values);
  }
}

template <class Stored, class To>
std::vector<To> converted(const void* host, std::size_t n) {
  const auto* stored = static_cast<const Stored*>(host);
  if constexpr (std::is_same_v<Stored, kernels::Bf16>) {
    std::vector<To> values(n);
    std::transform(stored, stored + n, values.begin(),
                   [](kernels::Bf16 value) { return static_cast<To>(kernels::to_float(value)); });
    return values;
  } else {
    return std::vector<To>(stored, stored + n);
  }
}

/// Elements of `dtype` in the host's memory.
template <class To>
std::vector<To> converted(DType dtype, const void* host, std::size_t n) {
  switch (dtype) {
    case DType::f32:
      return converted<float, To>(host, n);
    case DType::f64:
      return converted<double, To>(host, n);
    case DType::i32:
      return converted<std::int32_t, To>(host, n);
    case DType::bf16:
      return converted<kernels::Bf16, To>(host, n);
  }
  throw std::logic_error("bug: unknown dtype");
}

template <class To>
std::vector<To> to_host(const Tensor& tensor) {
  if (tensor.is_empty()) return {};
  const auto n = static_cast<std::size_t>(tensor.size());
  std::vector<std::byte> host(n * kernels::size_of(tensor.dtype()));
  tensor.kernels().copy_out(host.data(), tensor.data(), host.size());
  return converted<To>(tensor.dtype(), host.data(), n);
}

std::size_t byte_count(const Shape& shape, DType dtype) {
  require(std::all_of(shape.begin(), shape.end(), [](std::int64_t n) { return n >= 0; }),
          "negative extent in " + to_string(shape));
  return static_cast<std::size_t>(element_count(shape)) * kernels::size_of(dtype);
}

}  // namespace

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? "," : "") + std::to_string(shape[i]);
  }
  return text + ")";
}

Tensor::Tensor(KernelSet& kernels, Shape shape, DType dtype, void* memory)
    : kernels_(&kernels),
      data_(memory),
      size_(element_count(shape)),
      dtype_(dtype),
      shape_(std::move(shape)) {
  if (memory == nullptr) return;
  const std::size_t bytes = static_cast<std::size_t>(size_) * kernels::size_of(dtype);
  owner_ =
      std::shared_ptr<void>(memory, [&kernels, bytes](void* own) { kernels.release(own, bytes); });
}

Tensor Tensor::empty(KernelSet& kernels, Shape shape) {
  return empty(kernels, std::move(shape), kernels.dtype());
}

Tensor Tensor::empty(KernelSet& kernels, Shape shape, DType dtype) {
  const std::size_t bytes = byte_count(shape, dtype);
  return {kernels, std::move(shape), dtype, bytes > 0 ? kernels.allocate(bytes) : nullptr};
}

Tensor Tensor::zeros(KernelSet& kernels, Shape shape) {
  return zeros(kernels, std::move(shape), kernels.dtype());
}

Tensor Tensor::zeros(KernelSet& kernels, Shape shape, DType dtype) {
  Tensor tensor = empty(kernels, std::move(shape), dtype);
  tensor.zero();
  return tensor;
}

Tensor Tensor::parameters(KernelSet& kernels, Shape shape) {
  const DType dtype = kernels.parameter_dtype();
  const std::size_t bytes = byte_count(shape, dtype);
  Tensor tensor(kernels, std::move(shape), dtype,
                bytes > 0 ? kernels.allocate_parameters(bytes) : nullptr);
  tensor.zero();
  return tensor;
}

Tensor Tensor::from_host(KernelSet& kernels, Shape shape, std::span<const float> values) {
  Tensor tensor = empty(kernels, std::move(shape), kernels.parameter_dtype());
  copy_values_in(tensor, values);
  return tensor;
}

Tensor Tensor::from_host(KernelSet& kernels, Shape shape, std::span<const double> values) {
  Tensor tensor = empty(kernels, std::move(shape), kernels.parameter_dtype());
  copy_values_in(tensor, values);
  return tensor;
}

Tensor Tensor::from_host(KernelSet& kernels, Shape shape, std::span<const std::int32_t> values) {
  Tensor tensor = empty(kernels, std::move(shape), DType::i32);
  copy_values_in(tensor, values);
  return tensor;
}

std::int64_t Tensor::dim(int axis) const {
  const int rank = static_cast<int>(shape_.size());
  const int index = axis < 0 ? rank + axis : axis;
  require(index >= 0 && index < rank, "axis " + std::to_string(axis) + " of " + to_string(shape_));
  return shape_[static_cast<std::size_t>(index)];
}

const std::int32_t* Tensor::ints() const {
  require(dtype_ == DType::i32, "integers asked of a tensor of floats " + to_string(shape_));
  return static_cast<const std::int32_t*>(data_);
}

Tensor Tensor::reshape(Shape shape) const {
  require(element_count(shape) == size_,
          "reshape of " + to_string(shape_) + " to " + to_string(shape));
  return view(0, std::move(shape));
}

Tensor Tensor::view(std::int64_t begin, Shape shape) const {
  const std::int64_t count = element_count(shape);
  require(begin >= 0 && begin + count <= size_,
          "view " + to_string(shape) + " at " + std::to_string(begin) + " of " + to_string(shape_));
  Tensor tensor = *this;
  tensor.data_ =
      static_cast<char*>(data_) + static_cast<std::size_t>(begin) * kernels::size_of(dtype_);
  tensor.size_ = count;
  tensor.shape_ = std::move(shape);
  return tensor;
}

void Tensor::zero() {
  if (size_ > 0) kernels_->zero(data_, static_cast<std::size_t>(size_) * kernels::size_of(dtype_));
}

void Tensor::copy_from(const Tensor& other) {
  require(size_ == other.size_ && dtype_ == other.dtype_,
          "copy of " + to_string(other.shape_) + " into " + to_string(shape_));
  if (size_ > 0) {
    kernels_->copy(data_, other.data_, static_cast<std::size_t>(size_) * kernels::size_of(dtype_));
  }
}

void Tensor::set(std::span<const float> values) { copy_values_in(*this, values); }
void Tensor::set(std::span<const double> values) { copy_values_in(*this, values); }
void Tensor::set(std::span<const std::int32_t> values) { copy_values_in(*this, values); }

std::vector<float> Tensor::to_floats() const { return to_host<float>(*this); }
std::future<std::vector<float>> Tensor::start_to_floats() const {
  require(!is_empty(), "nothing to copy to the host");
  const auto n = static_cast<std::size_t>(size_);
  auto copy = kernels_->start_copy_out(data_, n * kernels::size_of(dtype_));
  return std::async(std::launch::deferred, [copy = std::move(copy), dtype = dtype_, n] {
    return converted<float>(dtype, copy->wait(), n);
  });
}
std::vector<double> Tensor::to_doubles() const { return to_host<double>(*this); }
std::vector<std::int32_t> Tensor::to_ints() const { return to_host<std::int32_t>(*this); }

}  // namespace dnabird::core
