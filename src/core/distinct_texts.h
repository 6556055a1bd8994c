// Texts, equal ones once, numbered in the order in which they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dnabird::core {

/// A hash table without a piece of memory for each text: there are many, and they go all at once.
class DistinctTexts {
 public:
  /// Number of the text, and whether it is new.
  std::pair<std::size_t, bool> add(std::string_view text);
  std::optional<std::size_t> find(std::string_view text) const;

  std::size_t size() const { return hashes_.size(); }
  std::string_view operator[](std::size_t i) const { return texts_[i]; }

 private:
  /// Where the text stands in slots_, or would.
  std::size_t slot_of(std::string_view text, std::size_t hash) const;
  void grow();

  std::deque<std::string> pages_;  // the letters; none outgrows what it reserved, so they stay
  std::vector<std::string_view> texts_;
  std::vector<std::size_t> hashes_;
  std::vector<std::uint32_t> slots_;  // number of a text plus one, 0 = none; a power of two of them
};

}  // namespace dnabird::core
