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
#include <vector>

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

  /// An input.
  const void* in(const std::vector<double>& values) { return place(values); }
  /// The input of that name, or null where `arrays` has none.
  const void* optional_in(const Arrays& arrays, const std::string& name) {
    const auto found = arrays.find(name);
    return found == arrays.end() ? nullptr : in(found->second);
  }
  const std::int32_t* ints(const std::vector<std::int32_t>& values) {
    std::byte* start = allocate(values.size(), sizeof(std::int32_t));
    kernels_.copy_in(start, values.data(), values.size() * sizeof(std::int32_t));
    return reinterpret_cast<const std::int32_t*>(start);
  }

  /// An output that the kernel overwrites: NaN before the call.
  void* out(const std::string& name, std::int64_t n) {
    return inout(name, std::vector<double>(static_cast<std::size_t>(n),
                                           std::numeric_limits<double>::quiet_NaN()));
  }
  /// An output that the kernel updates in place.
  void* inout(const std::string& name, const std::vector<double>& values) {
    outputs_[name] = blocks_.size();
    return place(values);
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
  };
  static constexpr std::size_t kGuardBytes = 128;
  static constexpr unsigned char kGuard = 0xA5;

  std::byte* allocate(std::size_t count, std::size_t element) {
    const std::size_t bytes = (offset_ + count) * element + kGuardBytes;
    void* memory = kernels_.allocate(bytes);
    std::byte* start = static_cast<std::byte*>(memory) + offset_ * element;
    const std::vector<unsigned char> guard(bytes, kGuard);
    kernels_.copy_in(memory, guard.data(), bytes);
    blocks_.push_back({memory, start, bytes, count, element});
    return start;
  }

  void* place(const std::vector<double>& values) {
    const bool single = kernels_.dtype() == kernels::DType::f32;
    const std::size_t element = kernels::size_of(kernels_.dtype());
    std::byte* start = allocate(values.size(), element);
    const std::vector<float> floats(values.begin(), values.end());
    const void* host = single ? static_cast<const void*>(floats.data()) : values.data();
    kernels_.copy_in(start, host, values.size() * element);
    return start;
  }

  std::vector<double> read(const Block& block) {
    std::vector<double> doubles(block.count);
    std::vector<float> floats(block.count);
    const bool single = block.element == sizeof(float);
    void* host = single ? static_cast<void*>(floats.data()) : doubles.data();
    kernels_.copy_out(host, block.start, block.count * block.element);
    if (single) doubles.assign(floats.begin(), floats.end());
    return doubles;
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
