// Block attention, forward: a block of queries reads its list of key blocks one after the other,
// keeping a running maximum and sum (the online softmax of Milakov & Gimelshein 2018), in powers
// of two so that an exponential costs one multiplication less.
#pragma once

#include "kernels/cpu/simd/attention_blocks.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr float kLn2 = 0.693147180559945309f;

/// What is known of the queries of a block so far, all in powers of two.
struct RunningSoftmax {
  float* sum;  // (queries, kLanes): by lane, added up at the end only
  float* top;  // (queries)
};

/// One row of scores in `tile` becomes probabilities relative to the new maximum; returns the
/// factor by which what was summed so far shrinks. Elements from `keys` to the next whole vector
/// are scratch.
inline float softmax_row(float* tile, std::int64_t keys, float scale, float bias, float* row_sum,
                         float& row_top) {
  const std::int64_t vectors = (keys + kLanes - 1) / kLanes;
  for (std::int64_t j = keys; j < vectors * kLanes; ++j) tile[j] = tile[0];
  Vec tops = broadcast(row_top);
  for (std::int64_t j = 0; j < vectors; ++j) {
    tops = maximum(tops, load(tile + j * kLanes) * scale + bias);
  }
  const float top = horizontal_maximum(tops);
  const float shrink = row_top == top ? 1.0f : exp2_to_zero(broadcast(row_top - top))[0];
  Vec sum = load(row_sum) * shrink;
  for_vectors(keys, [&](std::int64_t j, auto lanes) {
    const Vec p = exp2_to_zero(load(tile + j) * scale + (bias - top));
    store(tile + j, p);
    sum += lanes.keep(p);
  });
  store(row_sum, sum);
  row_top = top;
  return shrink;
}

inline void scale_row(float* x, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(x + i, load(x + i) * factor);
}

/// Writes a query's output: its sums divided by the sum of probabilities.
inline void finish_row(const AttentionForward& a, std::int64_t token, float top, float sum,
                       const float* sums) {
  float* out = a.out + token * a.shape.out_stride;
  const float inverse = 1.0f / sum;
  for (std::int64_t d = 0; d < a.shape.head_size; ++d) out[d] = sums[d] * inverse;
  a.log_sum_exp[token] = (top + __builtin_log2f(sum)) * kLn2;
}

/// The output of a query without keys, or of padding.
inline void clear_row(const AttentionForward& a, std::int64_t token) {
  float* out = a.out + token * a.shape.out_stride;
  for (std::int64_t d = 0; d < a.shape.head_size; ++d) out[d] = 0;
  a.log_sum_exp[token] = __builtin_inff();
}

/// The scratch of a block of queries (see AttentionForward::scratch).
struct ForwardScratch {
  float* tile;  // (S, tile_columns) scores, then probabilities
  float* sums;  // (S, wide_head) of probability times value
  RunningSoftmax running;
};

/// Queries of `block` against a run of keys.
inline void forward_run(const AttentionForward& a, std::int64_t block, const KeyRun& run,
                        const ForwardScratch& b, Start start) {
  const HeadShape& s = a.shape;
  const std::int64_t queries = s.used_tokens(block);
  multiply_keys(s, block, {a.q, s.qkv_stride}, a.packed, run, b.tile);
  for (std::int64_t i = 0; i < queries; ++i) {
    const float shrink = softmax_row(b.tile + i * s.tile_columns(), run.keys, a.scale * kLog2E,
                                     run.bias, b.running.sum + i * kLanes, b.running.top[i]);
    if (start == Start::add && shrink != 1.0f) {
      scale_row(b.sums + i * s.wide_head, s.wide_head, shrink);
    }
  }
  product({.rows = queries,
           .columns = s.wide_head,
           .depth = run.keys,
           .a = b.tile,
           .a_stride = s.tile_columns(),
           .b = a.packed_values() + run.first * kPanel,
           .b_panel = s.packed_tokens() * kPanel,
           .c = b.sums,
           .c_stride = s.wide_head,
           .start = start});
}

/// Packs what the queries of all blocks read of block b.
inline void attention_pack_block(const AttentionForward& a, std::int64_t b) {
  pack_block_transposed(a.shape, {a.k, a.shape.qkv_stride}, b, a.packed);
  pack_block(a.shape, {a.v, a.shape.qkv_stride}, b, a.packed_values());
}

/// All queries of a block; those that are padding get 0 and +infinity.
inline void attention_forward_block(const AttentionForward& a, std::int64_t block, float* scratch) {
  const HeadShape& s = a.shape;
  const std::int64_t begin = block * s.block_size, queries = s.used_tokens(block);
  const std::int64_t end = begin + s.block_size < s.tokens ? begin + s.block_size : s.tokens;
  ForwardScratch b{scratch, scratch + s.block_size * s.tile_columns(), {}};
  b.running.sum = b.sums + s.block_size * s.wide_head;
  b.running.top = b.running.sum + s.block_size * kLanes;
  for (std::int64_t i = 0; i < queries; ++i) {
    store(b.running.sum + i * kLanes, Vec{});
    b.running.top[i] = -1e38f;
  }
  Start start = Start::zero;
  KeyRuns runs(s, a.rows, block);
  for (KeyRun run; queries > 0 && runs.next(run); start = Start::add) {
    forward_run(a, block, run, b, start);
  }
  const bool any = start == Start::add;
  for (std::int64_t i = 0; any && i < queries; ++i) {
    finish_row(a, begin + i, b.running.top[i], horizontal_sum(load(b.running.sum + i * kLanes)),
               b.sums + i * s.wide_head);
  }
  for (std::int64_t i = any ? begin + queries : begin; i < end; ++i) clear_row(a, i);
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
