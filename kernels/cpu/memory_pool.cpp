#include "kernels/cpu/memory_pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace dnabird::kernels::cpu {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSlack = std::size_t{64} << 20;

/// Rounded up to eighths of a power of two: few classes, little waste.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= kAlignment) return kAlignment;
  const std::size_t step = std::max(kAlignment, std::bit_floor(bytes - 1) / 8);
  return (bytes + step - 1) / step * step;
}

void* system_allocate(std::size_t capacity) {
  const std::size_t alignment = capacity >= kHugePage ? kHugePage : kAlignment;
  void* memory = std::aligned_alloc(alignment, (capacity + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  // Products walk through megabytes with long strides: large pages spare the address cache.
  if (capacity >= kHugePage) madvise(memory, capacity, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace

MemoryPool::~MemoryPool() { drop_free_blocks(); }

void* MemoryPool::allocate(std::size_t bytes) {
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
    memory = system_allocate(capacity);
    ++system_allocations_;
  }
  in_use_.emplace(memory, capacity);
  used_bytes_ += capacity;
  most_used_bytes_ = std::max(most_used_bytes_, used_bytes_);
  return memory;
}

void MemoryPool::release(void* memory) {
  const auto found = in_use_.find(memory);
  if (found == in_use_.end()) return;
  used_bytes_ -= found->second;
  free_bytes_ += found->second;
  free_.emplace(found->second, memory);
  in_use_.erase(found);
}

void MemoryPool::drop_free_blocks() {
  for (const auto& [capacity, memory] : free_) std::free(memory);
  free_.clear();
  free_bytes_ = 0;
}

}  // namespace dnabird::kernels::cpu
