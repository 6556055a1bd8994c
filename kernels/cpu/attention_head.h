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

/// Sizes, and the sizes of packed blocks. Packed blocks follow each other.
struct HeadShape {
  std::int64_t length;  // tokens that are not padding
  std::int64_t tokens;
  std::int64_t head_size;
  std::int64_t block_size;
  std::int64_t qkv_stride;  // floats between tokens in qkv
  std::int64_t out_stride;  // and in out
  std::int64_t wide_block;  // block_size, up to whole panels
  std::int64_t wide_head;   // head_size, up to whole panels

  std::int64_t packed_rows() const { return block_size * wide_head; }        // (S,D) as it is
  std::int64_t packed_transposed() const { return wide_block * head_size; }  // (D,S)
  /// Blocks that hold a token that is not padding.
  std::int64_t used_blocks() const { return (length + block_size - 1) / block_size; }
  /// Tokens of block b that are not padding.
  std::int64_t used_tokens(std::int64_t b) const {
    const std::int64_t left = length - b * block_size;
    return left < block_size ? (left > 0 ? left : 0) : block_size;
  }
};

struct AttentionForward {
  HeadShape shape;
  float scale;
  BlockLists rows;
  const float* q;              // first token's query
  const float* packed_keys;    // transposed blocks
  const float* packed_values;  // blocks as they are
  float* out;
  float* log_sum_exp;

  /// Floats of scratch for one block of queries: scores, sums, and a softmax's running sums (by
  /// lane) and maximum.
  static std::int64_t scratch(const HeadShape& s) {
    return s.block_size * (s.wide_block + s.wide_head + kMostLanes + 1);
  }
};

struct AttentionBackward {
  HeadShape shape;
  float scale;
  BlockLists rows;
  const float *q, *k, *v;  // first token's
  const float *out, *dout, *log_sum_exp;
  float *dq, *dk, *dv;

  /// Floats of scratch for a head: packed k, k and v transposed, sums of dk and dv; packed q and
  /// dout, the sum of dq, two tiles and delta of a block of queries.
  static std::int64_t scratch(const HeadShape& s) {
    return s.used_blocks() * (3 * s.packed_rows() + 2 * s.packed_transposed()) +
           3 * s.packed_rows() + s.block_size * (2 * s.wide_block + 1);
  }
};

}  // namespace dnabird::kernels::cpu
