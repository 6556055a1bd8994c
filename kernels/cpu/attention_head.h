// One head of one sequence, as the tile loops of block attention see it.
#pragma once

#include <cstdint>

namespace dnabird::kernels::cpu {

constexpr std::int64_t kMostLanes = 16;  // of a vector of any tier

/// The lists of one head. Row r (or column r) has the pairs [begin[r], begin[r+1]).
struct BlockLists {
  const std::int32_t* begin;
  const std::int32_t* block;
  const std::int32_t* multiplicity;
};

/// Sizes, and the layout of packed blocks.
///
/// Transposed blocks follow each other. Blocks as they are share panels that go through the whole
/// head, so that neighbouring blocks can be read as one longer block. The tile of scores is wide
/// enough for several key blocks where blocks are small.
struct HeadShape {
  std::int64_t length;  // tokens that are not padding
  std::int64_t tokens;
  std::int64_t head_size;
  std::int64_t block_size;
  std::int64_t qkv_stride;  // floats between tokens in qkv
  std::int64_t out_stride;  // and in out
  std::int64_t wide_block;  // block_size, up to whole panels
  std::int64_t wide_head;   // head_size, up to whole panels
  std::int64_t most_keys;   // that one product takes: whole blocks

  std::int64_t packed_transposed() const { return wide_block * head_size; }  // (D,S)
  /// Blocks that hold a token that is not padding, and their tokens.
  std::int64_t used_blocks() const { return (length + block_size - 1) / block_size; }
  std::int64_t packed_tokens() const { return used_blocks() * block_size; }
  /// Tokens of block b that are not padding.
  std::int64_t used_tokens(std::int64_t b) const {
    const std::int64_t left = length - b * block_size;
    return left < block_size ? (left > 0 ? left : 0) : block_size;
  }
  /// Columns of the tile of scores.
  std::int64_t tile_columns() const { return most_keys > block_size ? most_keys : wide_block; }
};

struct AttentionForward {
  HeadShape shape;
  float scale;
  BlockLists rows;
  const float *q, *k, *v;  // first token's
  float* packed;           // (see packed_size): keys transposed, then values as they are
  float* out;
  float* log_sum_exp;

  static std::int64_t packed_size(const HeadShape& s) {
    return s.used_blocks() * s.packed_transposed() + s.packed_tokens() * s.wide_head;
  }
  float* packed_values() const { return packed + shape.used_blocks() * shape.packed_transposed(); }
  /// Floats of scratch for one block of queries: scores, sums, and a softmax's running sums (by
  /// lane) and maximum.
  static std::int64_t scratch(const HeadShape& s) {
    return s.block_size * (s.tile_columns() + s.wide_head + kMostLanes + 1);
  }
};

struct AttentionBackward {
  HeadShape shape;
  float scale;
  BlockLists rows;
  const float *q, *k, *v;  // first token's
  const float *out, *dout, *log_sum_exp;
  float *dq, *dk, *dv;

  /// Floats of scratch for a head: packed k, sums of dk and dv, k and v transposed; packed q and
  /// dout, the sum of dq, two tiles and delta of a block of queries.
  static std::int64_t scratch(const HeadShape& s) {
    return 3 * s.packed_tokens() * s.wide_head + 2 * s.used_blocks() * s.packed_transposed() +
           s.block_size * (3 * s.wide_head + 2 * s.tile_columns() + 1);
  }
};

}  // namespace dnabird::kernels::cpu
