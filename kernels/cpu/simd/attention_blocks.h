// What both directions of block attention share: packing blocks, and reading a list of blocks.
#pragma once

#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/simd/product.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// A (tokens, head_size) matrix of a head, `stride` floats between tokens.
struct HeadMatrix {
  const float* data;
  std::int64_t stride;
};

/// Packs the used tokens of block b as they are, into panels of the whole head (`to` is the
/// head's).
inline void pack_block(const HeadShape& s, const HeadMatrix& from, std::int64_t b, float* to) {
  pack_rows({.depth = s.used_tokens(b),
             .columns = s.head_size,
             .from = from.data + b * s.block_size * from.stride,
             .stride = from.stride,
             .to = to + b * s.block_size * kPanel,
             .panel_stride = s.packed_tokens() * kPanel});
}

/// Packs the transpose of the used tokens of block b.
inline void pack_block_transposed(const HeadShape& s, const HeadMatrix& from, std::int64_t b,
                                  float* to) {
  pack_transposed({.depth = s.head_size,
                   .columns = s.used_tokens(b),
                   .from = from.data + b * s.block_size * from.stride,
                   .stride = from.stride,
                   .to = to + b * s.packed_transposed(),
                   .panel_stride = s.head_size * kPanel});
}

/// Neighbouring key blocks of a list that are read as one.
struct KeyRun {
  std::int64_t first, keys;  // tokens
  float bias;                // log2 of the multiplicity
};

/// Goes through a list of blocks in runs, up to the padding.
class KeyRuns {
 public:
  KeyRuns(const HeadShape& shape, const BlockLists& lists, std::int64_t block)
      : shape_(shape), lists_(lists), at_(lists.begin[block]), end_(lists.begin[block + 1]) {}

  /// The next run; false at the end.
  bool next(KeyRun& run) {
    if (at_ == end_ || shape_.used_tokens(lists_.block[at_]) == 0) return false;
    const std::int32_t multiplicity = lists_.multiplicity[at_];
    run.first = lists_.block[at_] * shape_.block_size;
    run.keys = shape_.used_tokens(lists_.block[at_]);
    run.bias = multiplicity == 1 ? 0.0f : __builtin_log2f(static_cast<float>(multiplicity));
    for (++at_; at_ < end_; ++at_) {
      const std::int64_t more = shape_.used_tokens(lists_.block[at_]);
      const bool neighbour = lists_.block[at_] == lists_.block[at_ - 1] + 1;
      if (!neighbour || more == 0 || lists_.multiplicity[at_] != multiplicity ||
          run.keys + more > shape_.most_keys) {
        break;
      }
      run.keys += more;
    }
    return true;
  }

 private:
  const HeadShape& shape_;
  const BlockLists& lists_;
  std::int32_t at_, end_;
};

/// tile (queries, keys) = a b^T for a block of queries and the keys of a run, which are packed
/// transposed at `keys` (the head's).
inline void multiply_keys(const HeadShape& s, std::int64_t block, const HeadMatrix& a,
                          const float* keys, const KeyRun& run, float* tile) {
  product({.rows = s.used_tokens(block),
           .columns = (run.keys + kPanel - 1) / kPanel * kPanel,
           .depth = s.head_size,
           .a = a.data + block * s.block_size * a.stride,
           .a_stride = a.stride,
           .b = keys + run.first / s.block_size * s.packed_transposed(),
           .b_panel = s.head_size * kPanel,
           .c = tile,
           .c_stride = s.tile_columns()});
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
