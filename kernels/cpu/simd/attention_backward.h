// Block attention, backward. With p_ij = exp(s_ij - lse_i) and delta_i = dout_i.out_i:
// dv_j = sum_i p_ij dout_i; ds_ij = p_ij (dout_i.v_j - delta_i); dq_i = scale sum_j ds_ij k_j;
// dk_j = scale sum_i ds_ij q_i. One thread takes a whole head, so that dk and dv are summed over
// the blocks of queries in order, without atomics and with five products per pair of blocks.
#pragma once

#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/simd/product.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// The scratch of a head (see AttentionBackward::scratch).
struct BackwardScratch {
  float *keys, *keys_transposed, *values_transposed, *dk, *dv;  // of all used blocks
  float *queries, *dout, *dq, *p, *ds;                          // of one block of queries
};

inline BackwardScratch divide_scratch(const HeadShape& s, float* at) {
  const auto take = [&at](std::int64_t floats) {
    float* begin = at;
    at += floats;
    return begin;
  };
  const std::int64_t n = s.used_blocks();
  BackwardScratch b;
  b.keys = take(n * s.packed_rows());
  b.dk = take(n * s.packed_rows());
  b.dv = take(n * s.packed_rows());
  b.keys_transposed = take(n * s.packed_transposed());
  b.values_transposed = take(n * s.packed_transposed());
  b.queries = take(s.packed_rows());
  b.dout = take(s.packed_rows());
  b.dq = take(s.packed_rows());
  b.p = take(s.block_size * s.wide_block);
  b.ds = take(s.block_size * s.wide_block);
  return b;
}

/// Packs the used tokens of block b of a (tokens, head_size) matrix as it is.
inline void pack_block(const HeadShape& s, const float* from, std::int64_t stride, std::int64_t b,
                       float* to) {
  pack_rows({.depth = s.used_tokens(b),
             .columns = s.head_size,
             .from = from + b * s.block_size * stride,
             .stride = stride,
             .to = to,
             .panel_stride = s.block_size * kPanel});
}

inline void pack_block_transposed(const HeadShape& s, const float* from, std::int64_t stride,
                                  std::int64_t b, float* to) {
  pack_transposed({.depth = s.head_size,
                   .columns = s.used_tokens(b),
                   .from = from + b * s.block_size * stride,
                   .stride = stride,
                   .to = to,
                   .panel_stride = s.head_size * kPanel});
}

/// Rows of `p` from scores to probabilities, and of `ds` from dout.v to p (dout.v - delta).
struct ScoreGradient {
  std::int64_t queries, keys, stride;
  float scale, bias;         // in powers of two
  const float* log_sum_exp;  // natural
  const float* delta;
};

inline void score_gradient(const ScoreGradient& g, float* p, float* ds) {
  for (std::int64_t i = 0; i < g.queries; ++i) {
    const float shift = g.bias - g.log_sum_exp[i] * kLog2E, delta = g.delta[i];
    float* p_row = p + i * g.stride;
    float* ds_row = ds + i * g.stride;
    for (std::int64_t j = 0; j < g.keys; j += kLanes) {
      const Vec probability = exp2_to_zero(load(p_row + j) * g.scale + shift);
      store(p_row + j, probability);
      store(ds_row + j, probability * (load(ds_row + j) - delta));
    }
  }
}

/// delta of the used tokens of a block
inline void dot_rows(const AttentionBackward& a, std::int64_t block, float* delta) {
  const HeadShape& s = a.shape;
  for (std::int64_t i = 0; i < s.used_tokens(block); ++i) {
    const float* out = a.out + (block * s.block_size + i) * s.out_stride;
    const float* dout = a.dout + (block * s.block_size + i) * s.out_stride;
    Vec sum{};
    for_vectors(s.head_size, [&](std::int64_t d, auto lanes) {
      sum += lanes.load(out + d) * lanes.load(dout + d);
    });
    delta[i] = horizontal_sum(sum);
  }
}

/// Writes rows of sums, scaled, to tokens of dqkv.
inline void write_rows(const HeadShape& s, const float* sums, std::int64_t rows, float scale,
                       float* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t d = 0; d < s.head_size; ++d) {
      to[i * s.qkv_stride + d] = sums[i * s.wide_head + d] * scale;
    }
  }
}

/// The five products of a pair of blocks.
inline void backward_pair(const AttentionBackward& a, const BackwardScratch& b,
                          std::int64_t query_block, std::int64_t key_block,
                          const ScoreGradient& gradient) {
  const HeadShape& s = a.shape;
  const std::int64_t first = query_block * s.block_size;
  Product scores{.rows = gradient.queries,
                 .columns = (gradient.keys + kPanel - 1) / kPanel * kPanel,
                 .depth = s.head_size,
                 .a = a.q + first * s.qkv_stride,
                 .a_stride = s.qkv_stride,
                 .b = b.keys_transposed + key_block * s.packed_transposed(),
                 .b_panel = s.head_size * kPanel,
                 .c = b.p,
                 .c_stride = s.wide_block};
  product(scores);
  scores.a = a.dout + first * s.out_stride;
  scores.a_stride = s.out_stride;
  scores.b = b.values_transposed + key_block * s.packed_transposed();
  scores.c = b.ds;
  product(scores);
  score_gradient(gradient, b.p, b.ds);
  Product sums{.rows = gradient.keys,
               .columns = s.wide_head,
               .depth = gradient.queries,
               .a = b.p,
               .a_stride = s.wide_block,
               .b = b.dout,
               .b_panel = s.block_size * kPanel,
               .c = b.dv + key_block * s.packed_rows(),
               .c_stride = s.wide_head,
               .start = Start::add,
               .a_layout = Layout::transposed};
  product(sums);
  sums.a = b.ds;
  sums.b = b.queries;
  sums.c = b.dk + key_block * s.packed_rows();
  product(sums);
  sums.rows = gradient.queries;
  sums.depth = gradient.keys;
  sums.b = b.keys + key_block * s.packed_rows();
  sums.c = b.dq;
  sums.a_layout = Layout::rows;
  product(sums);
}

inline void backward_query_block(const AttentionBackward& a, const BackwardScratch& b,
                                 std::int64_t block, float* delta) {
  const HeadShape& s = a.shape;
  const std::int64_t first = block * s.block_size;
  pack_block(s, a.q, s.qkv_stride, block, b.queries);
  pack_block(s, a.dout, s.out_stride, block, b.dout);
  for (std::int64_t i = 0; i < s.packed_rows(); ++i) b.dq[i] = 0;
  dot_rows(a, block, delta);
  ScoreGradient gradient{.queries = s.used_tokens(block),
                         .keys = 0,
                         .stride = s.wide_block,
                         .scale = a.scale * kLog2E,
                         .bias = 0,
                         .log_sum_exp = a.log_sum_exp + first,
                         .delta = delta};
  for (std::int32_t n = a.rows.begin[block]; n < a.rows.begin[block + 1]; ++n) {
    gradient.keys = s.used_tokens(a.rows.block[n]);
    if (gradient.keys == 0) break;
    gradient.bias = log2_multiplicity(a.rows.multiplicity[n]);
    backward_pair(a, b, block, a.rows.block[n], gradient);
  }
  write_rows(s, b.dq, gradient.queries, a.scale, a.dq + first * s.qkv_stride);
}

/// All gradients of a head; rows that are padding get 0.
inline void attention_backward_head(const AttentionBackward& a, float* scratch) {
  const HeadShape& s = a.shape;
  const BackwardScratch b = divide_scratch(s, scratch);
  float* delta = scratch + AttentionBackward::scratch(s) - s.block_size;
  for (std::int64_t n = 0; n < s.used_blocks(); ++n) {
    pack_block(s, a.k, s.qkv_stride, n, b.keys + n * s.packed_rows());
    pack_block_transposed(s, a.k, s.qkv_stride, n, b.keys_transposed + n * s.packed_transposed());
    pack_block_transposed(s, a.v, s.qkv_stride, n, b.values_transposed + n * s.packed_transposed());
  }
  for (std::int64_t i = 0; i < s.used_blocks() * s.packed_rows(); ++i) b.dk[i] = b.dv[i] = 0;
  for (std::int64_t n = 0; n < s.used_blocks(); ++n) backward_query_block(a, b, n, delta);
  write_rows(s, b.dk, s.length, a.scale, a.dk);
  write_rows(s, b.dv, s.length, 1.0f, a.dv);
  for (std::int64_t t = s.length; t < s.tokens; ++t) {
    for (std::int64_t d = 0; d < s.head_size; ++d) {
      a.dq[t * s.qkv_stride + d] = 0;
      a.dk[t * s.qkv_stride + d] = 0;
      a.dv[t * s.qkv_stride + d] = 0;
    }
  }
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
