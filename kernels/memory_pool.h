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
class MemoryPool {
 public:
  explicit MemoryPool(const SystemMemory& system) : system_(system) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool() { drop_free_blocks(); }

  /// At least `bytes` (0 too); throws std::bad_alloc.
  void* allocate(std::size_t bytes) {
    if (bytes > (std::size_t{1} << 62)) throw std::bad_alloc();
    std::size_t capacity = size_class(bytes);
    void* memory = nullptr;
    const auto found = free_.lower_bound(capacity);
    // Up to a quarter larger will do; the whole of a large block is not spent on a small array.
    if (found != free_.end() && found->first <= capacity + capacity / 4) {
      capacity = found->first;
      memory = found->second;
      free_.erase(found);
      free_bytes_ -= capacity;
    } else {
      const std::size_t most = std::max(most_used_bytes_, used_bytes_ + capacity);
      if (used_bytes_ + capacity + free_bytes_ > most + most / 4 * 3 + kSlack) drop_free_blocks();
      memory = ask_system(capacity);
    }
    in_use_.emplace(memory, capacity);
    used_bytes_ += capacity;
    most_used_bytes_ = std::max(most_used_bytes_, used_bytes_);
    return memory;
  }
  /// How often allocate() asked the system.
  std::int64_t system_allocations() const { return system_allocations_; }
  std::size_t used_bytes() const { return used_bytes_; }
  /// Null is allowed.
  void release(void* memory) {
    const auto found = in_use_.find(memory);
    if (found == in_use_.end()) return;
    used_bytes_ -= found->second;
    free_bytes_ += found->second;
    free_.emplace(found->second, memory);
    in_use_.erase(found);
  }

 private:
  static constexpr std::size_t kSlack = std::size_t{64} << 20;

  /// Rounded up to eighths of a power of two: few classes, little waste.
  std::size_t size_class(std::size_t bytes) const {
    if (bytes <= system_.alignment) return system_.alignment;
    const std::size_t step = std::max(system_.alignment, std::bit_floor(bytes - 1) / 8);
    return (bytes + step - 1) / step * step;
  }
  void* ask_system(std::size_t capacity) {
    ++system_allocations_;
    if (free_.empty()) return system_.allocate(capacity);
    try {
      return system_.allocate(capacity);
    } catch (const std::bad_alloc&) {
      drop_free_blocks();
      return system_.allocate(capacity);
    }
  }
  void drop_free_blocks() {
    for (const auto& [capacity, memory] : free_) system_.release(memory);
    free_.clear();
    free_bytes_ = 0;
  }

  SystemMemory system_;
  std::multimap<std::size_t, void*> free_;         // by capacity
  std::unordered_map<void*, std::size_t> in_use_;  // capacity
  std::size_t free_bytes_ = 0, used_bytes_ = 0, most_used_bytes_ = 0;
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
