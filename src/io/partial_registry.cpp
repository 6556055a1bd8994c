#include "io/partial_registry.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "io/output_file.h"

namespace dnabird::io {
namespace {

constexpr std::size_t kSlots = 64;
constexpr std::size_t kNameBytes = 4096;  // PATH_MAX of Linux

enum SlotState : int { kFree, kBusy, kActive };

struct Slot {
  std::atomic<int> state{kFree};
  char name[kNameBytes];
};

std::array<Slot, kSlots> slots;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads these");

}  // namespace

int register_partial(const std::string& path) {
  if (path.size() >= kNameBytes) return -1;
  for (std::size_t i = 0; i < kSlots; ++i) {
    int expected = kFree;
    // Busy while the name is copied: the handler must never see half of one.
    if (!slots[i].state.compare_exchange_strong(expected, kBusy)) continue;
    std::memcpy(slots[i].name, path.c_str(), path.size() + 1);
    slots[i].state.store(kActive);
    return static_cast<int>(i);
  }
  return -1;
}

void release_partial(int slot) {
  if (slot >= 0) slots[static_cast<std::size_t>(slot)].state.store(kFree);
}

void remove_partial_outputs() {
  const int saved = errno;
  for (Slot& slot : slots) {
    if (slot.state.load() == kActive) unlink(slot.name);
  }
  // Folders second: by now they are empty.
  for (Slot& slot : slots) {
    if (slot.state.load() == kActive) rmdir(slot.name);
  }
  errno = saved;
}

}  // namespace dnabird::io
