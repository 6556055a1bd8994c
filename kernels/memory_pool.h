// Memory that goes back to the system rarely: a training step allocates and releases the same
// sizes again and again, and fresh pages cost more than the ops that fill them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <new>
#include <unordered_map>

namespace dnabird::kernels {

/// Where a pool gets its blocks from.
struct SystemMemory {
  void* (*allocate)(std::size_t bytes);  // throws std::bad_alloc
  void (*release)(void* memory);
  std::size_t alignment;  // of what it allocates
};

/// Blocks of memory with a list of free ones. What is kept is bounded: together with what is in use
/// never more than three quarters (and 64 MiB) above the most that ever was in use, since the parts
/// of a layer that are not there at once are two thirds above. Where the system has no more, the
/// free blocks are given back and it is asked again. Not thread-safe.
///
/// Work that is captured finds the same memory at every run: while one is captured, blocks come
/// from a part of their own, to which nothing else is given and which is not given back before
/// drop_captured(). All captured work shares it, since it runs one after the other.
class MemoryPool {
 public:
  explicit MemoryPool(const SystemMemory& system) : system_(system) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool() {
    drop_free_blocks(parts_[0]);
    drop_free_blocks(parts_[1]);
  }

  /// At least `bytes` (0 too); throws std::bad_alloc.
  void* allocate(std::size_t bytes) {
    if (bytes > (std::size_t{1} << 62)) throw std::bad_alloc();
    std::size_t capacity = size_class(bytes);
    Part& part = parts_[captures_ ? 1 : 0];
    void* memory = nullptr;
    const auto found = part.free.lower_bound(capacity);
    // Up to a quarter larger will do; the whole of a large block is not spent on a small array.
    if (found != part.free.end() && found->first <= capacity + capacity / 4) {
      capacity = found->first;
      memory = found->second;
      part.free.erase(found);
      part.free_bytes -= capacity;
    } else {
      if (!captures_) keep_bound(capacity);
      memory = ask_system(capacity);
    }
    in_use_.emplace(memory, Block{capacity, captures_});
    part.used_bytes += capacity;
    part.most_used_bytes = std::max(part.most_used_bytes, part.used_bytes);
    return memory;
  }
  /// How often allocate() asked the system.
  std::int64_t system_allocations() const { return system_allocations_; }
  std::size_t used_bytes() const { return parts_[0].used_bytes + parts_[1].used_bytes; }
  /// Null is allowed.
  void release(void* memory) {
    const auto found = in_use_.find(memory);
    if (found == in_use_.end()) return;
    const auto [capacity, captured] = found->second;
    Part& part = parts_[captured ? 1 : 0];
    part.used_bytes -= capacity;
    part.free_bytes += capacity;
    part.free.emplace(capacity, memory);
    in_use_.erase(found);
  }

  /// Blocks are for captured work from now on, or no longer.
  void set_capturing(bool captures) { captures_ = captures; }
  /// Gives back to the system what is free of either part: for the captured one when no captured
  /// work is left, for the other to make room.
  void drop_captured() { drop_free_blocks(parts_[1]); }
  void drop_free() { drop_free_blocks(parts_[0]); }

 private:
  static constexpr std::size_t kSlack = std::size_t{64} << 20;
  struct Part {
    std::multimap<std::size_t, void*> free;  // by capacity
    std::size_t free_bytes = 0, used_bytes = 0, most_used_bytes = 0;
  };
  struct Block {
    std::size_t capacity;
    bool captured;
  };

  /// Rounded up to eighths of a power of two: few classes, little waste.
  std::size_t size_class(std::size_t bytes) const {
    if (bytes <= system_.alignment) return system_.alignment;
    const std::size_t step = std::max(system_.alignment, std::bit_floor(bytes - 1) / 8);
    return (bytes + step - 1) / step * step;
  }
  /// Before `capacity` more is asked for.
  void keep_bound(std::size_t capacity) {
    Part& part = parts_[0];
    const std::size_t most = std::max(part.most_used_bytes, part.used_bytes + capacity);
    if (part.used_bytes + capacity + part.free_bytes > most + most / 4 * 3 + kSlack) {
      drop_free_blocks(part);
    }
  }
  void* ask_system(std::size_t capacity) {
    ++system_allocations_;
    // Nothing is given back to a device that captures.
    if (captures_ || parts_[0].free.empty()) return system_.allocate(capacity);
    try {
      return system_.allocate(capacity);
    } catch (const std::bad_alloc&) {
      drop_free_blocks(parts_[0]);
      return system_.allocate(capacity);
    }
  }
  void drop_free_blocks(Part& part) {
    for (const auto& [capacity, memory] : part.free) system_.release(memory);
    part.free.clear();
    part.free_bytes = 0;
  }

  SystemMemory system_;
  Part parts_[2];  // the second one of captured work
  bool captures_ = false;
  std::unordered_map<void*, Block> in_use_;
  std::int64_t system_allocations_ = 0;
};

/// An array of the pool, released at the end of the scope.
template <class T>
class PoolBuffer {
 public:
  PoolBuffer(MemoryPool& pool, std::size_t elements)
      : pool_(pool), data_(static_cast<T*>(pool.allocate(elements * sizeof(T)))) {}
  PoolBuffer(const PoolBuffer&) = delete;
  PoolBuffer& operator=(const PoolBuffer&) = delete;
  ~PoolBuffer() { pool_.release(data_); }
  T* data() const { return data_; }

 private:
  MemoryPool& pool_;
  T* data_;
};
using PoolArray = PoolBuffer<float>;

}  // namespace dnabird::kernels
