#include "kernels/cpu/system_memory.h"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace dnabird::kernels::cpu {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

void* allocate(std::size_t capacity) {
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

SystemMemory system_memory() { return {allocate, std::free, kAlignment}; }

}  // namespace dnabird::kernels::cpu
