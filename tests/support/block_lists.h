// Attention patterns for kernel tests, from explicit lists. Kernels know nothing of the model that
// makes patterns, so neither do their tests.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "kernels/kernel_set.h"
#include "support/random_values.h"

namespace dnabird::test {

/// keys[list][query block][key block] = multiplicity; one list for all heads, or one per head.
struct BlockLists {
  std::int64_t blocks, block_size;
  std::vector<std::vector<std::map<std::int32_t, std::int32_t>>> keys;
};

/// Every block reads every block.
inline BlockLists dense_lists(std::int64_t blocks, std::int64_t block_size) {
  BlockLists lists{blocks, block_size, {}};
  lists.keys.emplace_back(static_cast<std::size_t>(blocks));
  for (auto& row : lists.keys[0]) {
    for (std::int32_t b = 0; b < blocks; ++b) row[b] = 1;
  }
  return lists;
}

/// Each row lists a random half of the blocks, with multiplicities 1 to 3; about one row in six is
/// empty (never row 0).
inline BlockLists random_lists(std::int64_t heads, std::int64_t blocks, std::int64_t block_size,
                               RandomValues& random) {
  BlockLists lists{blocks, block_size, {}};
  lists.keys.resize(static_cast<std::size_t>(heads));
  for (auto& rows : lists.keys) {
    rows.resize(static_cast<std::size_t>(blocks));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (row > 0 && random.below(6) == 0) continue;
      rows[row][random.below(blocks)] = 1 + random.below(3);
      for (std::int32_t b = 0; b < blocks; ++b) {
        if (random.below(2) == 0) rows[row][b] = 1 + random.below(3);
      }
    }
  }
  return lists;
}

/// The arrays of the lists and of their transpose.
struct HostPattern {
  explicit HostPattern(const BlockLists& lists)
      : heads(static_cast<std::int64_t>(lists.keys.size())),
        blocks(lists.blocks),
        block_size(lists.block_size) {
    for (const auto& rows : lists.keys) {
      std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> columns(
          static_cast<std::size_t>(blocks));
      for (std::size_t row = 0; row < rows.size(); ++row) {
        for (const auto& [key, multiplicity] : rows[row]) {
          key_block.push_back(key);
          row_multiplicity.push_back(multiplicity);
          columns[static_cast<std::size_t>(key)].emplace_back(row, multiplicity);
        }
        row_begin.push_back(static_cast<std::int32_t>(key_block.size()));
      }
      for (const auto& column : columns) {
        for (const auto& [query, multiplicity] : column) {
          query_block.push_back(query);
          column_multiplicity.push_back(multiplicity);
        }
        column_begin.push_back(static_cast<std::int32_t>(query_block.size()));
      }
    }
  }

  kernels::BlockPatternView view() const {
    return {heads,
            blocks,
            block_size,
            row_begin.data(),
            key_block.data(),
            row_multiplicity.data(),
            column_begin.data(),
            query_block.data(),
            column_multiplicity.data()};
  }

  std::int64_t heads, blocks, block_size;
  std::vector<std::int32_t> row_begin{0}, key_block, row_multiplicity;
  std::vector<std::int32_t> column_begin{0}, query_block, column_multiplicity;
};

}  // namespace dnabird::test
