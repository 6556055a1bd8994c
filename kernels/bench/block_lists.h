// Lists of blocks for the benchmarks: dense, or window 3, first and last block global, three
// others at random.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::bench {

struct BlockLists {
  std::int64_t heads, blocks, block_size;
  std::int64_t id = 0;  // of BlockPatternView
  std::vector<std::int32_t> row_begin = {}, key_block = {}, row_multiplicity = {};
  std::vector<std::int32_t> column_begin = {}, query_block = {}, column_multiplicity = {};
};

BlockLists dense_lists(std::int64_t tokens, std::int64_t block_size);
/// Every head its own draw.
BlockLists sparse_lists(std::int64_t heads, std::int64_t tokens, std::int64_t block_size);

/// The lists must outlive it.
BlockPatternView view(const BlockLists& lists);

}  // namespace dnabird::kernels::bench
