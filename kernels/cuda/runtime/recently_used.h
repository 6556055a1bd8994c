// A bounded cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <utility>

namespace dnabird::kernels::cuda {

/// Values by key, up to a number of bytes in all; those not used for longest make room for new
/// ones. Finds by walking from the latest: for some hundred keys, of which a few are used in turn.
template <class Key, class Value>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Null if it is not there. Valid until the next insert.
  const Value* find(const Key& key) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.key == key; });
    if (found == entries_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found);
    return &found->value;
  }
  /// A key that is not there. One value stays even if it alone is larger than the bound.
  void insert(Key key, Value value, std::size_t bytes) {
    entries_.push_front({std::move(key), std::move(value), bytes});
    bytes_ += bytes;
    while (bytes_ > most_bytes_ && entries_.size() > 1) {
      bytes_ -= entries_.back().bytes;
      entries_.pop_back();
    }
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Key key;
    Value value;
    std::size_t bytes;
  };
  std::size_t most_bytes_, bytes_ = 0;
  std::list<Entry> entries_;  // the latest first
};

}  // namespace dnabird::kernels::cuda
