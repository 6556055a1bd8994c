#include "model/hf_random_blocks.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "core/errors.h"

namespace dnabird::model {

namespace {

using Blocks = std::vector<std::int32_t>;

/// numpy.random.RandomState(seed).permutation: Mersenne Twister; Fisher-Yates from the end, each
/// index drawn as bits under a mask until they are not above it.
class LegacyPermutation {
 public:
  explicit LegacyPermutation(std::int64_t seed)
      : generator_(static_cast<std::mt19937::result_type>(seed)) {}

  Blocks operator()(Blocks values) {
    for (std::size_t i = values.size(); i-- > 1;) std::swap(values[i], values[below_or_at(i)]);
    return values;
  }

 private:
  std::size_t below_or_at(std::size_t largest) {
    const std::size_t mask = std::bit_ceil(largest + 1) - 1;
    std::size_t value;
    do value = generator_() & mask;
    while (value > largest);
    return value;
  }

  std::mt19937 generator_;
};

Blocks range(std::int64_t begin, std::int64_t end) {
  Blocks blocks(static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin)));
  std::iota(blocks.begin(), blocks.end(), static_cast<std::int32_t>(begin));
  return blocks;
}

Blocks first_of(Blocks blocks, const HfTrainOptions& options, std::int64_t row) {
  if (static_cast<std::int64_t>(blocks.size()) < options.random_blocks) {
    throw core::DataError("random blocks as in training: query block " + std::to_string(row) +
                          " of " + std::to_string(options.blocks) + " has only " +
                          std::to_string(blocks.size()) + " to choose from, expected at least " +
                          std::to_string(options.random_blocks) + "; use another mode");
  }
  blocks.resize(options.random_blocks);
  return blocks;
}

/// Of which blocks a row of the plan of the paper's lengths chooses. `middle` are all blocks but
/// the first and the last, of which the first `last` or so may be named.
Blocks candidates_of_plan(std::int64_t row, std::int64_t plan_blocks, std::int64_t last) {
  const auto middle = [&](std::int64_t begin, std::int64_t end) {
    return range(1 + begin, 1 + std::min(end, plan_blocks - 2));
  };
  if (row == 1 || row == 2) return middle(row + 1, last);
  if (row == plan_blocks - 3 || row == plan_blocks - 2) return middle(0, last);
  const std::int64_t before = row - 2, behind = row + 1;
  if (before > last) return middle(0, last);
  Blocks candidates = middle(0, before);
  if (behind != last) {
    const Blocks more = middle(behind, last);
    candidates.insert(candidates.end(), more.begin(), more.end());
  }
  return candidates;
}

/// The whole plan is drawn, head by head, and its first rows are used.
RandomSlots blocks_of_plan(const HfTrainOptions& options) {
  constexpr std::int64_t kReach = 1024;  // tokens
  const std::int64_t plan_blocks = options.positions / options.block_size;
  const std::int64_t last =
      (kReach > 2 * options.block_size ? kReach / options.block_size : plan_blocks) - 1;
  LegacyPermutation permutation(options.layer);
  RandomSlots slots(options.heads);
  for (auto& rows : slots) {
    for (std::int64_t row = 1; row < plan_blocks - 1; ++row) {
      Blocks drawn = permutation(candidates_of_plan(row, plan_blocks, last));
      if (row < options.blocks - 1) rows.push_back(first_of(std::move(drawn), options, row));
    }
  }
  return slots;
}

/// Row by row, for all heads in turn, from the blocks in front, without those that the row reads
/// anyhow. Rows of 5 + 2r or fewer blocks never come here: their attention is full.
RandomSlots blocks_in_front(const HfTrainOptions& options) {
  const std::int64_t front = 2 * options.random_blocks + 5;
  LegacyPermutation permutation(options.layer);
  RandomSlots slots(options.heads);
  for (std::int64_t row = 1; row < options.blocks - 1; ++row) {
    std::set<std::int64_t> excluded{row - 1, row, row + 1, 0, front - 1};
    if (row == 1) excluded.insert(front - 2);
    if (row == front - 2) excluded.insert(1);
    for (auto& rows : slots) {
      Blocks drawn = permutation(range(0, front));
      std::erase_if(drawn, [&](std::int32_t block) { return excluded.contains(block); });
      rows.push_back(first_of(std::move(drawn), options, row));
    }
  }
  return slots;
}

}  // namespace

RandomSlots hf_eval_blocks(std::int64_t blocks, std::int64_t random_blocks) {
  core::require(blocks > 2, "hf_eval_blocks: no rows with random slots");
  return {std::vector<Blocks>(blocks - 2, Blocks(random_blocks, 0))};
}

RandomSlots hf_train_blocks(const HfTrainOptions& options) {
  core::require(options.blocks > 2, "hf_train_blocks: no rows with random slots");
  const std::int64_t tokens = options.blocks * options.block_size;
  if (options.random_blocks == 0) {
    return RandomSlots(options.heads, std::vector<Blocks>(options.blocks - 2));
  }
  const bool is_plan = tokens == 1024 || tokens == 3072 || tokens == 4096;
  return is_plan ? blocks_of_plan(options) : blocks_in_front(options);
}

}  // namespace dnabird::model
