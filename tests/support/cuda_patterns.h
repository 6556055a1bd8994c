// Block patterns in host memory for the tests of what CUDA kernels compute about indices.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/block_lists.h"

namespace dnabird::test {

/// Window of 3, first and last block global, three random blocks a row that may coincide with these
/// or each other: then multiplicities add up.
inline BlockLists bird_lists(std::int64_t heads, std::int64_t blocks, std::int64_t block_size,
                             RandomValues& random) {
  BlockLists lists{blocks, block_size, {}};
  lists.keys.resize(static_cast<std::size_t>(heads));
  const auto last = static_cast<std::int32_t>(blocks - 1);
  for (auto& rows : lists.keys) {
    rows.resize(static_cast<std::size_t>(blocks));
    for (std::int32_t row = 0; row <= last; ++row) {
      auto& keys = rows[static_cast<std::size_t>(row)];
      if (row == 0 || row == last) {
        for (std::int32_t key = 0; key <= last; ++key) keys[key] = 1;
        continue;
      }
      for (const std::int32_t key : {0, row - 1, row, row + 1, last}) keys[key] = 1;
      for (int draw = 0; draw < 3; ++draw) ++keys[random.below(blocks)];
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
