#include "model/block_pattern.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"

namespace dnabird::model {

namespace {

using Row = std::vector<std::int32_t>;

/// Appends to a pattern row by row; keeps the lists sorted and counts repetitions.
class PatternBuilder {
 public:
  PatternBuilder(std::int64_t heads, std::int64_t blocks, std::int64_t block_size) {
    pattern_.heads = heads;
    pattern_.blocks = blocks;
    pattern_.block_size = block_size;
    pattern_.row_begin.push_back(0);
  }

  void add_row(Row blocks) {
    std::sort(blocks.begin(), blocks.end());
    const std::size_t begin = pattern_.key_block.size();
    for (const std::int32_t block : blocks) {
      if (pattern_.key_block.size() > begin && pattern_.key_block.back() == block) {
        ++pattern_.row_multiplicity.back();
      } else {
        pattern_.key_block.push_back(block);
        pattern_.row_multiplicity.push_back(1);
      }
    }
    pattern_.row_begin.push_back(static_cast<std::int32_t>(pattern_.key_block.size()));
  }

  BlockPattern finish() {
    transpose();
    return std::move(pattern_);
  }

 private:
  /// Counting sort by (head, key block); rows are visited in order, so the lists come out sorted.
  void transpose() {
    BlockPattern& p = pattern_;
    const std::int64_t lists = p.heads * p.blocks;
    p.column_begin.assign(lists + 1, 0);
    p.query_block.resize(p.key_block.size());
    p.column_multiplicity.resize(p.key_block.size());
    const auto column_of = [&](std::int64_t list, std::int32_t key) {
      return list / p.blocks * p.blocks + key;
    };
    for (std::int64_t list = 0; list < lists; ++list) {
      for (std::int32_t i = p.row_begin[list]; i < p.row_begin[list + 1]; ++i) {
        ++p.column_begin[column_of(list, p.key_block[i]) + 1];
      }
    }
    for (std::int64_t list = 0; list < lists; ++list) {
      p.column_begin[list + 1] += p.column_begin[list];
    }
    std::vector<std::int32_t> next(p.column_begin.begin(), p.column_begin.end() - 1);
    for (std::int64_t list = 0; list < lists; ++list) {
      for (std::int32_t i = p.row_begin[list]; i < p.row_begin[list + 1]; ++i) {
        const std::int32_t at = next[column_of(list, p.key_block[i])]++;
        p.query_block[at] = static_cast<std::int32_t>(list % p.blocks);
        p.column_multiplicity[at] = p.row_multiplicity[i];
      }
    }
  }

  BlockPattern pattern_;
};

Row all_blocks(std::int64_t blocks) {
  Row row(blocks);
  for (std::int64_t i = 0; i < blocks; ++i) row[i] = static_cast<std::int32_t>(i);
  return row;
}

/// Window of 3 and the two global blocks; every block for a global row.
Row fixed_blocks(std::int64_t row, std::int64_t blocks) {
  if (row == 0 || row == blocks - 1) return all_blocks(blocks);
  std::set<std::int32_t> listed{0, static_cast<std::int32_t>(blocks - 1)};
  for (std::int64_t b = row - 1; b <= row + 1; ++b) listed.insert(static_cast<std::int32_t>(b));
  return Row(listed.begin(), listed.end());
}

/// `count` distinct numbers of [0, n), every subset equally likely (Floyd; Bentley & Floyd 1987).
std::set<std::int64_t> draw_distinct(core::Rng& rng, std::int64_t n, std::int64_t count) {
  std::set<std::int64_t> drawn;
  for (std::int64_t last = n - count; last < n; ++last) {
    const auto candidate = static_cast<std::int64_t>(rng.below(last + 1));
    if (!drawn.insert(candidate).second) drawn.insert(last);
  }
  return drawn;
}

/// Adds `count` further blocks to the sorted `row`, or all that are left if those are fewer.
void add_random_blocks(core::Rng& rng, std::int64_t blocks, std::int64_t count, Row& row) {
  const std::int64_t left = blocks - static_cast<std::int64_t>(row.size());
  Row added;
  for (const std::int64_t rank : draw_distinct(rng, left, std::min(count, left))) {
    // The block of that rank among those that are not in `row`.
    std::int64_t block = rank;
    for (const std::int32_t listed : row) {
      if (listed <= block) ++block;
    }
    added.push_back(static_cast<std::int32_t>(block));
  }
  row.insert(row.end(), added.begin(), added.end());
}

/// Whether the fixed and the random blocks together are all blocks in every row. Long sequences
/// are told apart at row 1 already.
bool lists_everything(const PatternOptions& options) {
  for (std::int64_t row = 0; row < options.blocks; ++row) {
    const auto fixed = static_cast<std::int64_t>(fixed_blocks(row, options.blocks).size());
    if (fixed + options.random_blocks < options.blocks) return false;
  }
  return true;
}

}  // namespace

bool BlockPattern::is_dense() const {
  return pairs() == heads * blocks * blocks &&
         std::all_of(row_multiplicity.begin(), row_multiplicity.end(),
                     [](std::int32_t m) { return m == 1; });
}

BlockPattern dense_pattern(std::int64_t blocks, std::int64_t block_size) {
  core::require(blocks > 0 && block_size > 0, "a pattern without blocks");
  PatternBuilder builder(1, blocks, block_size);
  for (std::int64_t row = 0; row < blocks; ++row) builder.add_row(all_blocks(blocks));
  return builder.finish();
}

BlockPattern uniform_pattern(const PatternOptions& options) {
  core::require(options.heads > 0 && options.blocks > 0 && options.block_size > 0 &&
                    options.random_blocks >= 0 && options.layer >= 0,
                "uniform_pattern: options out of range");
  if (lists_everything(options)) return dense_pattern(options.blocks, options.block_size);
  PatternBuilder builder(options.heads, options.blocks, options.block_size);
  for (std::int64_t head = 0; head < options.heads; ++head) {
    core::Rng rng(options.seed, core::mix(options.layer, head, options.blocks));
    for (std::int64_t row = 0; row < options.blocks; ++row) {
      Row listed = fixed_blocks(row, options.blocks);
      add_random_blocks(rng, options.blocks, options.random_blocks, listed);
      builder.add_row(std::move(listed));
    }
  }
  return builder.finish();
}

BlockPattern list_pattern(const std::vector<std::vector<std::vector<std::int32_t>>>& lists,
                          std::int64_t block_size) {
  core::require(!lists.empty() && !lists[0].empty() && block_size > 0, "list_pattern: no lists");
  const auto blocks = static_cast<std::int64_t>(lists[0].size());
  PatternBuilder builder(static_cast<std::int64_t>(lists.size()), blocks, block_size);
  for (std::size_t head = 0; head < lists.size(); ++head) {
    core::require(static_cast<std::int64_t>(lists[head].size()) == blocks,
                  "list_pattern: heads with different numbers of rows");
    for (std::size_t row = 0; row < lists[head].size(); ++row) {
      for (const std::int32_t block : lists[head][row]) {
        if (block >= 0 && block < blocks) continue;
        throw core::DataError("attention pattern: head " + std::to_string(head) + ", query block " +
                              std::to_string(row) + " names key block " + std::to_string(block) +
                              ", expected 0 to " + std::to_string(blocks - 1));
      }
      builder.add_row(lists[head][row]);
    }
  }
  return builder.finish();
}

BlockPattern slots_pattern(const RandomSlots& slots, std::int64_t block_size) {
  core::require(!slots.empty(), "slots_pattern: no heads");
  const auto blocks = static_cast<std::int64_t>(slots[0].size()) + 2;
  std::vector<std::vector<Row>> lists;
  for (const auto& rows : slots) {
    std::vector<Row>& list = lists.emplace_back();
    for (std::int64_t row = 0; row < blocks; ++row) {
      list.push_back(fixed_blocks(row, blocks));
      if (row == 0 || row == blocks - 1) continue;
      list.back().insert(list.back().end(), rows[row - 1].begin(), rows[row - 1].end());
    }
  }
  return list_pattern(lists, block_size);
}

FixedPattern::FixedPattern(BlockPattern pattern)
    : pattern_(std::move(pattern)), id_(kernels::new_pattern_id()) {}

kernels::BlockPatternView FixedPattern::view() const {
  return {pattern_.heads,
          pattern_.blocks,
          pattern_.block_size,
          pattern_.row_begin.data(),
          pattern_.key_block.data(),
          pattern_.row_multiplicity.data(),
          pattern_.column_begin.data(),
          pattern_.query_block.data(),
          pattern_.column_multiplicity.data(),
          id_};
}

}  // namespace dnabird::model
