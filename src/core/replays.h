// The same work again and again on inputs of a few shapes, as training steps and batches are.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace dnabird::core {

/// Rounded up to eighths of a power of two, so that works with about as many rows share a shape.
inline std::int64_t rounded_for_replays(std::int64_t n) {
  if (n <= 8) return n;
  const auto step =
      static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(n - 1)) / 8);
  return (n + step - 1) / step * step;  // NOLINT(clang-analyzer-core.DivideZero): n is above 8
}

/// What work leaves in its inputs, `computed`: its first use makes the tensor, captured ones write
/// to the same.
inline void leave(const Tensor& computed, Tensor& in_inputs) {
  if (in_inputs.is_empty()) {
    in_inputs = computed;
  } else {
    in_inputs.copy_from(computed);
  }
}

/// On a device that captures work (KernelSet::captures), the second use of a shape is captured, and
/// from then on the device is given the whole work at once. All that differs between two uses of a
/// shape must lie in the tensors of Inputs.
template <class Inputs>
class Replays {
 public:
  explicit Replays(kernels::KernelSet& kernels) : kernels_(kernels) {}

  using Shape = std::vector<std::int64_t>;
  /// `set(inputs)` fills the tensors, in place where they are there; `work(inputs)` only asks the
  /// device, and reads nothing back; `take(inputs)` then has what it left in them.
  template <class Set, class Work, class Take>
  void run(const Shape& shape, const Set& set, const Work& work, const Take& take) {
    if (!kernels_.captures() || has_given_up_) {
      Inputs inputs;
      set(inputs);
      work(inputs);
      take(inputs);
      return;
    }
    Entry& entry = find(shape);
    set(entry.inputs);
    if (entry.uses == 1) entry.captured = kernels_.capture([&] { work(entry.inputs); });
    if (entry.captured) {
      entry.captured->run();
    } else {
      work(entry.inputs);
    }
    ++entry.uses;
    take(entry.inputs);
  }

  /// Where memory is short: gives back what captured work holds, and captures none from now on.
  /// False if there was nothing to give up.
  bool give_up() {
    if (!kernels_.captures() || has_given_up_) return false;
    has_given_up_ = true;
    entries_.clear();
    return true;
  }

 private:
  static constexpr std::size_t kMostShapes = 16;
  struct Entry {
    Shape shape;
    Inputs inputs;
    std::int64_t uses = 0;
    std::unique_ptr<kernels::CapturedWork> captured;  // from the second use on, if it can be
  };

  /// The entry of a shape, made if there is none; those not used for longest make room.
  Entry& find(const Shape& shape) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.shape == shape; });
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
    } else {
      if (entries_.size() == kMostShapes) entries_.pop_back();
      entries_.emplace_front().shape = shape;
    }
    return entries_.front();
  }

  kernels::KernelSet& kernels_;
  bool has_given_up_ = false;
  std::list<Entry> entries_;  // the latest first
};

}  // namespace dnabird::core
