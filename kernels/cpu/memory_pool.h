// Memory that goes back to the system rarely: a training step allocates and releases the same
// sizes again and again, and fresh pages cost more than the ops that fill them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

namespace dnabird::kernels::cpu {

/// Blocks of 64-byte aligned memory with a list of free ones. What is kept is bounded: together
/// with what is in use never more than three quarters (and 64 MiB) above the most that ever was in
/// use, since the parts of a layer that are not there at once are two thirds above.
/// Not thread-safe.
class MemoryPool {
 public:
  MemoryPool() = default;
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  /// At least `bytes` (0 too); throws std::bad_alloc.
  void* allocate(std::size_t bytes);
  /// How often allocate() asked the system.
  std::int64_t system_allocations() const { return system_allocations_; }
  /// Null is allowed.
  void release(void* memory);

 private:
  void drop_free_blocks();

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

}  // namespace dnabird::kernels::cpu
