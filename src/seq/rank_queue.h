// Places by rank, the lowest rank first: a queue for many places of few ranks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dnabird::seq {

/// A list for each rank, and a bit that says whether it is empty: to add a place and to find the
/// lowest rank takes a few operations however many places there are, where a heap takes a
/// comparison that cannot be foretold for each of its levels.
class RankQueue {
 public:
  /// Ranks are in [0, n_ranks).
  explicit RankQueue(std::size_t n_ranks);

  void push(std::int32_t rank, std::int32_t place);
  /// The lowest rank that has places, -1 if there is none.
  std::int32_t lowest() const;
  /// Puts the places of a rank into `places`, ascending, and takes them out of the queue.
  void take(std::int32_t rank, std::vector<std::int32_t>& places);

 private:
  struct Node {
    std::int32_t place, next;  // the next of its rank, -1: none
  };
  std::vector<Node> nodes_;           // emptied when the queue is
  std::vector<std::int32_t> heads_;   // by rank, -1: none
  std::vector<std::uint64_t> ranks_;  // a bit for each rank
  std::vector<std::uint64_t> words_;  // a bit for each word of ranks_
};

}  // namespace dnabird::seq
