#include "kernels/bench/block_lists.h"

#include <algorithm>
#include <functional>
#include <set>

#include "kernels/philox.h"

namespace dnabird::kernels::bench {

namespace {

/// Lists and their transpose from the keys of (head, row), each once.
BlockLists build(BlockLists lists,
                 const std::function<std::set<std::int32_t>(std::int64_t, std::int64_t)>& keys_of) {
  lists.id = new_pattern_id();
  lists.row_begin = lists.column_begin = {0};
  for (std::int64_t h = 0; h < lists.heads; ++h) {
    std::vector<std::vector<std::int32_t>> columns(lists.blocks);
    for (std::int64_t row = 0; row < lists.blocks; ++row) {
      for (const std::int32_t key : keys_of(h, row)) {
        lists.key_block.push_back(key);
        columns[key].push_back(static_cast<std::int32_t>(row));
      }
      lists.row_begin.push_back(static_cast<std::int32_t>(lists.key_block.size()));
    }
    for (const std::vector<std::int32_t>& column : columns) {
      lists.query_block.insert(lists.query_block.end(), column.begin(), column.end());
      lists.column_begin.push_back(static_cast<std::int32_t>(lists.query_block.size()));
    }
  }
  lists.row_multiplicity.assign(lists.key_block.size(), 1);
  lists.column_multiplicity = lists.row_multiplicity;
  return lists;
}

std::set<std::int32_t> all_of(std::int64_t blocks) {
  std::set<std::int32_t> keys;
  for (std::int32_t key = 0; key < blocks; ++key) keys.insert(key);
  return keys;
}

}  // namespace

BlockLists dense_lists(std::int64_t tokens, std::int64_t block_size) {
  const std::int64_t blocks = (tokens + block_size - 1) / block_size;
  return build({.heads = 1, .blocks = blocks, .block_size = block_size},
               [blocks](std::int64_t, std::int64_t) { return all_of(blocks); });
}

BlockLists sparse_lists(std::int64_t heads, std::int64_t tokens, std::int64_t block_size) {
  constexpr std::size_t kRandom = 3;
  const std::int64_t blocks = (tokens + block_size - 1) / block_size;
  const auto keys_of = [blocks](std::int64_t head, std::int64_t row) {
    if (row == 0 || row == blocks - 1) return all_of(blocks);
    std::set<std::int32_t> keys;
    for (const std::int64_t key : {std::int64_t{0}, row - 1, row, row + 1, blocks - 1}) {
      keys.insert(static_cast<std::int32_t>(key));
    }
    const std::size_t all = std::min<std::size_t>(keys.size() + kRandom, blocks);
    for (std::uint64_t draw = 0; keys.size() < all; ++draw) {
      const std::uint64_t word = philox_word(head, row, draw);
      keys.insert(static_cast<std::int32_t>(word * blocks >> 32));
    }
    return keys;
  };
  return build({.heads = heads, .blocks = blocks, .block_size = block_size}, keys_of);
}

BlockPatternView view(const BlockLists& lists) {
  return {lists.heads,
          lists.blocks,
          lists.block_size,
          lists.row_begin.data(),
          lists.key_block.data(),
          lists.row_multiplicity.data(),
          lists.column_begin.data(),
          lists.query_block.data(),
          lists.column_multiplicity.data(),
          lists.id};
}

}  // namespace dnabird::kernels::bench
