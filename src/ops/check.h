// What every op does at its entry: compare shapes and dtypes, and name the op when they disagree.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "core/tensor.h"

namespace dnabird::ops {

using NamedTensor = std::pair<const char*, const core::Tensor*>;

/// Throws std::logic_error("bug: OP: WHY: x (2,3) w (4,5)") if `fits` is false.
void check_shapes(bool fits, const char* op, const char* why,
                  std::initializer_list<NamedTensor> tensors);

/// Throws std::logic_error naming op and tensor unless all activations (empty ones aside) hold
/// elements of one type, that of the kernel set's activations or of its parameters.
void check_floats(const char* op, std::initializer_list<NamedTensor> activations);

/// The same unless all hold elements of the type of the kernel set's parameters.
void check_parameters(const char* op, std::initializer_list<NamedTensor> parameters);

/// The kernels for activations of the type of `x`, which is not empty.
core::KernelSet& kernels_for(const core::Tensor& x);

/// The same for tensors that must hold i32.
void check_ints(const char* op, std::initializer_list<NamedTensor> tensors);

/// Product of all dimensions but the last.
std::int64_t row_count(const core::Tensor& x);

/// `tensor`'s buffer, or null when it is empty (an optional argument left out).
void* data_or_null(core::Tensor& tensor);
const void* data_or_null(const core::Tensor& tensor);

}  // namespace dnabird::ops
