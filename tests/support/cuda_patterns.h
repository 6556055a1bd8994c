// Block patterns such as a model has, for the tests of what CUDA kernels compute about indices.
#pragma once

#include <cstdint>

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

}  // namespace dnabird::test
