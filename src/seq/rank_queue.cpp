#include "seq/rank_queue.h"

#include <algorithm>
#include <bit>

namespace dnabird::seq {

namespace {

constexpr std::size_t kBits = 64;

std::size_t words_for(std::size_t n_bits) { return (n_bits + kBits - 1) / kBits; }

std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i % kBits); }

}  // namespace

RankQueue::RankQueue(std::size_t n_ranks)
    : heads_(n_ranks, -1), ranks_(words_for(n_ranks), 0), words_(words_for(ranks_.size()), 0) {}

void RankQueue::push(std::int32_t rank, std::int32_t place) {
  const auto at = static_cast<std::size_t>(rank);
  nodes_.push_back({place, heads_[at]});
  heads_[at] = static_cast<std::int32_t>(nodes_.size()) - 1;
  ranks_[at / kBits] |= bit(at);
  words_[at / kBits / kBits] |= bit(at / kBits);
}

std::int32_t RankQueue::lowest() const {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (words_[i] == 0) continue;
    const std::size_t word = i * kBits + static_cast<std::size_t>(std::countr_zero(words_[i]));
    return static_cast<std::int32_t>(word * kBits +
                                     static_cast<std::size_t>(std::countr_zero(ranks_[word])));
  }
  return -1;
}

void RankQueue::take(std::int32_t rank, std::vector<std::int32_t>& places) {
  const auto at = static_cast<std::size_t>(rank);
  places.clear();
  for (std::int32_t i = heads_[at]; i >= 0; i = nodes_[static_cast<std::size_t>(i)].next) {
    places.push_back(nodes_[static_cast<std::size_t>(i)].place);
  }
  if (!std::is_sorted(places.begin(), places.end())) std::sort(places.begin(), places.end());
  heads_[at] = -1;
  ranks_[at / kBits] &= ~bit(at);
  if (ranks_[at / kBits] == 0) words_[at / kBits / kBits] &= ~bit(at / kBits);
  if (lowest() < 0) nodes_.clear();
}

}  // namespace dnabird::seq
