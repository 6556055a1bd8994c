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

/// Sizes, and the layout of packed operands.
///
/// A right side of a product is packed in columns of one vector: `lanes` columns for every step of
/// depth, the next step after it. A step is a word of 32 bits: one float, or `pair` = 2 neighbours
/// in depth in bf16. Transposed, every block of tokens has its own vectors; as they are, a vector
/// of channels goes through all tokens of the head. So a tile can take any two vectors of keys,
/// whichever blocks they are of, and one chain of additions can go from block to block.
struct HeadShape {
  std::int64_t length;  // tokens that are not padding
  std::int64_t tokens;
  std::int64_t head_size;
  std::int64_t block_size;
  std::int64_t qkv_stride;    // elements between tokens in qkv
  std::int64_t out_stride;    // and in out
  std::int64_t lanes;         // of a vector
  std::int64_t pair;          // elements of a word
  std::int64_t most_vectors;  // of keys that one tile of scores takes

  std::int64_t words(std::int64_t elements) const { return (elements + pair - 1) / pair; }
  std::int64_t vectors(std::int64_t columns) const { return (columns + lanes - 1) / lanes; }
  std::int64_t wide_head() const { return vectors(head_size) * lanes; }

  /// Blocks that hold a token that is not padding, and their tokens.
  std::int64_t used_blocks() const { return (length + block_size - 1) / block_size; }
  std::int64_t packed_tokens() const { return used_blocks() * block_size; }
  /// Tokens of block b that are not padding.
  std::int64_t used_tokens(std::int64_t b) const {
    const std::int64_t left = length - b * block_size;
    return left < block_size ? (left > 0 ? left : 0) : block_size;
  }
  /// The first token after block b.
  std::int64_t end_of(std::int64_t b) const {
    return (b + 1) * block_size < tokens ? (b + 1) * block_size : tokens;
  }

  /// Floats of one vector of tokens, transposed; of the head; of one vector of channels of n tokens
  /// as they are; of the head.
  std::int64_t transposed_vector() const { return words(head_size) * lanes; }
  std::int64_t transposed_head() const {
    return used_blocks() * vectors(block_size) * transposed_vector();
  }
  std::int64_t row_vector(std::int64_t n) const { return words(n) * lanes; }
  std::int64_t rows_of(std::int64_t n) const { return vectors(head_size) * row_vector(n); }

  /// Floats between the rows of a tile of scores: no power of two, so that rows do not share the
  /// same few lines of the first cache.
  std::int64_t tile_stride() const { return (most_vectors + 1) * lanes; }
};

struct AttentionForward {
  HeadShape shape;
  float scale;
  BlockLists rows;
  const void *q, *k, *v;  // first token's
  float* packed;          // (see packed_size): keys transposed, then values as they are
  void* out;
  float* log_sum_exp;

  static std::int64_t packed_size(const HeadShape& s) {
    return s.transposed_head() + s.rows_of(s.packed_tokens());
  }
  float* values() const { return packed + shape.transposed_head(); }
  /// Floats of scratch for one block of queries: the queries in f32, a strip of scores, sums, and a
  /// softmax's running sums (by lane) and maximum.
  static std::int64_t scratch(const HeadShape& s, std::int64_t strip_rows) {
    return s.block_size * (s.head_size + s.wide_head() + s.lanes + 1) +
           strip_rows * s.tile_stride();
  }
};

struct AttentionBackward {
  HeadShape shape;
  float scale;
  BlockLists rows, columns;
  const void *q, *k, *v;  // first token's
  const void *out, *dout;
  const float* log_sum_exp;
  float* packed;  // (see packed_size): keys as they are, keys transposed, values transposed
  void *dq, *dk, *dv;

  static std::int64_t packed_size(const HeadShape& s) {
    return s.rows_of(s.packed_tokens()) + 2 * s.transposed_head();
  }
  float* keys_transposed() const { return packed + shape.rows_of(shape.packed_tokens()); }
  float* values_transposed() const { return keys_transposed() + shape.transposed_head(); }
  /// Floats of scratch for a block: queries and dout in f32 and packed, three tiles (scores, their
  /// gradient, that rounded), sums of dq or of dk and dv, and delta.
  static std::int64_t scratch(const HeadShape& s) {
    return s.block_size * (2 * s.head_size + 3 * s.tile_stride() + 2 * s.wide_head() + 1) +
           2 * s.rows_of(s.block_size);
  }
  /// Floats of the sums of dk and dv of a head.
  static std::int64_t sums(const HeadShape& s) { return 2 * s.packed_tokens() * s.wide_head(); }
};

/// The inner loops of block attention for one type of elements, each on one thread.
struct AttentionKernels {
  std::int64_t lanes;       // HeadShape::lanes
  std::int64_t pair;        // HeadShape::pair
  std::int64_t strip_rows;  // rows of a strip of scores

  /// Packs the keys and values of a block; all blocks of a head before the first of queries.
  void (*pack)(const AttentionForward&, std::int64_t block);
  void (*forward)(const AttentionForward&, std::int64_t block, float* scratch);

  /// The same for backward.
  void (*pack_backward)(const AttentionBackward&, std::int64_t block);
  /// All of a head, with five products for each pair of blocks; `sums` as AttentionBackward says.
  void (*head)(const AttentionBackward&, float* scratch, float* sums);
  /// dq of a block of queries, or dk and dv of a block of keys: seven products for each pair, the
  /// same bytes as `head`.
  void (*queries)(const AttentionBackward&, std::int64_t block, float* scratch);
  void (*keys)(const AttentionBackward&, std::int64_t block, float* scratch);
};

}  // namespace dnabird::kernels::cpu
