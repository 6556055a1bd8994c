// Block attention, backward. With p_ij = exp(s_ij - lse_i) and delta_i = dout_i.out_i:
// dv_j = sum_i p_ij dout_i; ds_ij = p_ij (dout_i.v_j - delta_i); dq_i = scale sum_j ds_ij k_j;
// dk_j = scale sum_i ds_ij q_i. One thread takes a whole head, so that dk and dv are summed over
// the blocks of queries in order, without atomics and with five products per pair of blocks.
#pragma once

#include "kernels/cpu/simd/attention_blocks.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// The scratch of a head (see AttentionBackward::scratch).
struct BackwardScratch {
  float *keys, *keys_transposed, *values_transposed, *dk, *dv;  // of all used blocks
  float *queries, *dout, *dq, *p, *ds, *delta;                  // of one block of queries
};

inline BackwardScratch divide_scratch(const HeadShape& s, float* at) {
  const auto take = [&at](std::int64_t floats) {
    float* begin = at;
    at += floats;
    return begin;
  };
  const std::int64_t head = s.packed_tokens() * s.wide_head;
  const std::int64_t head_transposed = s.used_blocks() * s.packed_transposed();
  BackwardScratch b;
  b.keys = take(head);
  b.dk = take(head);
  b.dv = take(head);
  b.keys_transposed = take(head_transposed);
  b.values_transposed = take(head_transposed);
  b.queries = take(s.block_size * s.wide_head);
  b.dout = take(s.block_size * s.wide_head);
  b.dq = take(s.block_size * s.wide_head);
  b.p = take(s.block_size * s.tile_columns());
  b.ds = take(s.block_size * s.tile_columns());
  b.delta = take(s.block_size);
  return b;
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

/// The five products of a block of queries and a run of keys.
inline void backward_run(const AttentionBackward& a, const BackwardScratch& b, std::int64_t block,
                         const KeyRun& run) {
  const HeadShape& s = a.shape;
  const std::int64_t queries = s.used_tokens(block), tile = s.tile_columns();
  multiply_keys(s, block, {a.q, s.qkv_stride}, b.keys_transposed, run, b.p);
  multiply_keys(s, block, {a.dout, s.out_stride}, b.values_transposed, run, b.ds);
  score_gradient({.queries = queries,
                  .keys = run.keys,
                  .stride = tile,
                  .scale = a.scale * kLog2E,
                  .bias = run.bias,
                  .log_sum_exp = a.log_sum_exp + block * s.block_size,
                  .delta = b.delta},
                 b.p, b.ds);
  Product sums{.rows = run.keys,
               .columns = s.wide_head,
               .depth = queries,
               .a = b.p,
               .a_stride = tile,
               .b = b.dout,
               .b_panel = s.block_size * kPanel,
               .c = b.dv + run.first * s.wide_head,
               .c_stride = s.wide_head,
               .start = Start::add,
               .a_layout = Layout::transposed};
  product(sums);
  sums.a = b.ds;
  sums.b = b.queries;
  sums.c = b.dk + run.first * s.wide_head;
  product(sums);
  sums.rows = queries;
  sums.depth = run.keys;
  sums.b = b.keys + run.first * kPanel;
  sums.b_panel = s.packed_tokens() * kPanel;
  sums.c = b.dq;
  sums.a_layout = Layout::rows;
  product(sums);
}

/// Packs the used tokens of a block of queries on their own.
inline void pack_queries(const HeadShape& s, const HeadMatrix& from, std::int64_t block,
                         float* to) {
  pack_rows({.depth = s.used_tokens(block),
             .columns = s.head_size,
             .from = from.data + block * s.block_size * from.stride,
             .stride = from.stride,
             .to = to,
             .panel_stride = s.block_size * kPanel});
}

inline void backward_queries(const AttentionBackward& a, const BackwardScratch& b,
                             std::int64_t block) {
  const HeadShape& s = a.shape;
  pack_queries(s, {a.q, s.qkv_stride}, block, b.queries);
  pack_queries(s, {a.dout, s.out_stride}, block, b.dout);
  for (std::int64_t i = 0; i < s.block_size * s.wide_head; ++i) b.dq[i] = 0;
  dot_rows(a, block, b.delta);
  KeyRuns runs(s, a.rows, block);
  for (KeyRun run; runs.next(run);) backward_run(a, b, block, run);
  write_rows(s, b.dq, s.used_tokens(block), a.scale, a.dq + block * s.block_size * s.qkv_stride);
}

/// All gradients of a head; rows that are padding get 0.
inline void attention_backward_head(const AttentionBackward& a, float* scratch) {
  const HeadShape& s = a.shape;
  const BackwardScratch b = divide_scratch(s, scratch);
  for (std::int64_t n = 0; n < s.used_blocks(); ++n) {
    pack_block(s, {a.k, s.qkv_stride}, n, b.keys);
    pack_block_transposed(s, {a.k, s.qkv_stride}, n, b.keys_transposed);
    pack_block_transposed(s, {a.v, s.qkv_stride}, n, b.values_transposed);
  }
  for (std::int64_t i = 0; i < s.packed_tokens() * s.wide_head; ++i) b.dk[i] = b.dv[i] = 0;
  for (std::int64_t n = 0; n < s.used_blocks(); ++n) backward_queries(a, b, n);
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
