// Buffers in the memory of a kernel set for one call of one kernel, with traps: outputs are full of
// NaN before the call, and a write past the end of a buffer is noticed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/kernel_set.h"

namespace dnabird::test {

using Arrays = std::map<std::string, std::vector<double>>;
using Indices = std::map<std::string, std::vector<std::int32_t>>;

class Workspace {
 public:
  /// `offset` elements are left free before each buffer: 0 gives aligned buffers, 1 buffers such as
  /// a view into a flat array of parameters can be.
  explicit Workspace(kernels::KernelSet& kernels, std::int64_t offset = 0)
      : kernels_(kernels), offset_(static_cast<std::size_t>(offset)) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    for (const Block& block : blocks_) kernels_.release(block.memory, block.bytes);
  }

  /// An input: an activation.
  const void* in(const std::vector<double>& values) { return place(values, kernels_.dtype()); }
  /// An input that holds parameter_dtype(): a parameter, or a statistic that forward left.
  const void* parameter(const std::vector<double>& values) {
    return place(values, kernels_.parameter_dtype());
  }
  /// The parameter of that name, or null where `arrays` has none.
  const void* optional_parameter(const Arrays& arrays, const std::string& name) {
    const auto found = arrays.find(name);
    return found == arrays.end() ? nullptr : parameter(found->second);
  }
  const std::int32_t* ints(const std::vector<std::int32_t>& values) {
    std::byte* start = allocate(values.size(), kernels::DType::i32);
    kernels_.copy_in(start, values.data(), values.size() * sizeof(std::int32_t));
    return reinterpret_cast<const std::int32_t*>(start);
  }

  /// In double, whatever the kernel set computes in; results() does not read them.
  double* numbers(const std::vector<double>& values) {
    std::byte* start = allocate(values.size(), kernels::DType::f64);
    kernels_.copy_in(start, values.data(), values.size() * sizeof(double));
    return reinterpret_cast<double*>(start);
  }

  /// An output that the kernel overwrites: NaN before the call.
  void* out(const std::string& name, std::int64_t n) { return inout(name, nans(n)); }
  /// The same of parameter_dtype().
  void* parameter_out(const std::string& name, std::int64_t n) {
    return parameter_inout(name, nans(n));
  }
  /// An output that the kernel updates in place.
  void* inout(const std::string& name, const std::vector<double>& values) {
    outputs_[name] = blocks_.size();
    return place(values, kernels_.dtype());
  }
  void* parameter_inout(const std::string& name, const std::vector<double>& values) {
    outputs_[name] = blocks_.size();
    return place(values, kernels_.parameter_dtype());
  }

  /// What the outputs hold now. Fails the test if a kernel wrote past the end of any buffer.
  Arrays results() {
    kernels_.synchronize();
    for (const Block& block : blocks_) check_end(block);
    Arrays arrays;
    for (const auto& [name, index] : outputs_) arrays[name] = read(blocks_[index]);
    return arrays;
  }

 private:
  struct Block {
    void* memory;
    std::byte* start;
    std::size_t bytes, count, element;
    kernels::DType dtype;
  };
  static constexpr std::size_t kGuardBytes = 128;
  static constexpr unsigned char kGuard = 0xA5;

  static std::vector<double> nans(std::int64_t n) {
    return std::vector<double>(static_cast<std::size_t>(n),
                               std::numeric_limits<double>::quiet_NaN());
  }

  std::byte* allocate(std::size_t count, kernels::DType dtype) {
    const std::size_t element = kernels::size_of(dtype);
    const std::size_t bytes = (offset_ + count) * element + kGuardBytes;
    void* memory = kernels_.allocate(bytes);
    std::byte* start = static_cast<std::byte*>(memory) + offset_ * element;
    const std::vector<unsigned char> guard(bytes, kGuard);
    kernels_.copy_in(memory, guard.data(), bytes);
    blocks_.push_back({memory, start, bytes, count, element, dtype});
    return start;
  }

  template <class T>
  void* place_as(const std::vector<double>& values, kernels::DType dtype) {
    std::vector<T> host(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, double>) {
        host[i] = values[i];
      } else {
        kernels::assign(host[i], static_cast<float>(values[i]));
      }
    }
    std::byte* start = allocate(values.size(), dtype);
    kernels_.copy_in(start, host.data(), host.size() * sizeof(T));
    return start;
  }
  void* place(const std::vector<double>& values, kernels::DType dtype) {
    if (dtype == kernels::DType::f64) return place_as<double>(values, dtype);
    if (dtype == kernels::DType::bf16) return place_as<kernels::Bf16>(values, dtype);
    return place_as<float>(values, dtype);
  }

  template <class T>
  std::vector<double> read_as(const Block& block) {
    std::vector<T> host(block.count);
    kernels_.copy_out(host.data(), block.start, block.count * sizeof(T));
    std::vector<double> values;
    for (const T& value : host) {
      if constexpr (std::is_same_v<T, double>) {
        values.push_back(value);
      } else {
        values.push_back(kernels::to_float(value));
      }
    }
    return values;
  }
  std::vector<double> read(const Block& block) {
    if (block.dtype == kernels::DType::f64) return read_as<double>(block);
    if (block.dtype == kernels::DType::bf16) return read_as<kernels::Bf16>(block);
    return read_as<float>(block);
  }

  void check_end(const Block& block) {
    std::vector<unsigned char> guard(kGuardBytes);
    kernels_.copy_out(guard.data(), block.start + block.count * block.element, kGuardBytes);
    for (const unsigned char byte : guard) {
      ASSERT_EQ(byte, kGuard) << "a kernel wrote past the end of a buffer of " << block.count;
    }
  }

  kernels::KernelSet& kernels_;
  std::size_t offset_;
  std::vector<Block> blocks_;
  std::map<std::string, std::size_t> outputs_;
};

}  // namespace dnabird::test
