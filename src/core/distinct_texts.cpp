#include "core/distinct_texts.h"

#include <algorithm>
#include <functional>

namespace dnabird::core {

namespace {

constexpr std::size_t kFewestSlots = 64, kPageLetters = 1 << 16;

std::size_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

}  // namespace

std::size_t DistinctTexts::slot_of(std::string_view text, std::size_t hash) const {
  const std::size_t last = slots_.size() - 1;
  std::size_t slot = hash & last;
  for (; slots_[slot] != 0; slot = (slot + 1) & last) {
    const std::size_t i = slots_[slot] - 1;
    if (hashes_[i] == hash && texts_[i] == text) break;
  }
  return slot;
}

void DistinctTexts::grow() {
  slots_.assign(slots_.empty() ? kFewestSlots : 2 * slots_.size(), 0);
  for (std::size_t i = 0; i < size(); ++i) {
    slots_[slot_of(texts_[i], hashes_[i])] = static_cast<std::uint32_t>(i + 1);
  }
}

std::pair<std::size_t, bool> DistinctTexts::add(std::string_view text) {
  // At most half full: what is looked for lies near its slot.
  if (2 * (size() + 1) > slots_.size()) grow();
  const std::size_t hash = hash_of(text), slot = slot_of(text, hash);
  if (slots_[slot] != 0) return {slots_[slot] - 1, false};
  if (pages_.empty() || pages_.back().capacity() - pages_.back().size() < text.size()) {
    pages_.emplace_back().reserve(std::max(kPageLetters, text.size()));
  }
  std::string& page = pages_.back();
  page += text;
  texts_.push_back(std::string_view(page).substr(page.size() - text.size()));
  hashes_.push_back(hash);
  slots_[slot] = static_cast<std::uint32_t>(size());
  return {size() - 1, true};
}

std::optional<std::size_t> DistinctTexts::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t slot = slot_of(text, hash_of(text));
  if (slots_[slot] == 0) return std::nullopt;
  return slots_[slot] - 1;
}

}  // namespace dnabird::core
