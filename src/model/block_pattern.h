// The attention pattern as data: for each head and query block the key blocks that it reads, each
// with a multiplicity, and the transpose of that. Kernels consume these arrays and know nothing of
// window, global or random.
// Source: Zaheer et al. 2020, "Big Bird", section 2 (block version: appendix D).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::model {

struct BlockPattern {
  std::int64_t heads = 1;       // 1 = all heads share the list
  std::int64_t blocks = 0;      // N
  std::int64_t block_size = 0;  // S
  std::vector<std::int32_t> row_begin, key_block, row_multiplicity;
  std::vector<std::int32_t> column_begin, query_block, column_multiplicity;

  std::int64_t pairs() const { return static_cast<std::int64_t>(key_block.size()); }
  bool is_dense() const;
};

/// Every block reads every block.
BlockPattern dense_pattern(std::int64_t blocks, std::int64_t block_size);

struct PatternOptions {
  std::int64_t heads, blocks, block_size, random_blocks;
  std::uint64_t seed;
  std::int64_t layer;  // each layer and head has a draw of its own
};

/// Window of 3, first and last block global (rows and columns), `random_blocks` further blocks per
/// row drawn uniformly without repetition from those not yet listed (all of them if fewer are
/// left). Dense, with one list for all heads, when that lists every block for every row.
BlockPattern uniform_pattern(const PatternOptions& options);

/// From explicit lists with repetitions (a block named m times has multiplicity m):
/// lists[head][row] = key blocks, any order. Throws DataError if a block is out of range.
BlockPattern list_pattern(const std::vector<std::vector<std::vector<std::int32_t>>>& lists,
                          std::int64_t block_size);

/// Which blocks the random slots name: slots[head][query block - 1][slot], for query blocks 1 to
/// N-2; one head = the same for all.
using RandomSlots = std::vector<std::vector<std::vector<std::int32_t>>>;

/// Window of 3, first and last block global, and the blocks of the random slots, of which each
/// counts once more for every slot that names it.
BlockPattern slots_pattern(const RandomSlots& slots, std::int64_t block_size);

/// A pattern that stays as it is, with an id by which kernels keep what they make of it.
class FixedPattern {
 public:
  explicit FixedPattern(BlockPattern pattern);
  kernels::BlockPatternView view() const;  // of arrays that this object holds

 private:
  BlockPattern pattern_;
  std::int64_t id_;
};

}  // namespace dnabird::model
