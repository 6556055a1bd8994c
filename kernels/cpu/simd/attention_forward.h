// Block attention, forward: strips of queries read their list of keys in batches, one for all of a
// usual list, keeping a running maximum and sum (the online softmax of Milakov & Gimelshein 2018),
// in powers of two so that an exponential costs one multiplication less.
#pragma once

#include "kernels/cpu/simd/attention_blocks.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr float kLn2 = 0.693147180559945309f;
constexpr float kNoScore = -1e38f;

/// The scratch of a block of queries (see AttentionForward::scratch).
struct ForwardScratch {
  float* left;     // (S, head_size)
  float* tile;     // (kTileRows, tile_stride) scores, then probabilities
  float* sums;     // (S, wide_head) of probability times value
  float* row_sum;  // (S, kLanes) of probabilities: by lane, added up at the end only
  float* row_top;  // (S) largest score so far, in powers of two

  ForwardScratch(const HeadShape& s, float* at)
      : left(at),
        tile(left + s.block_size * s.head_size),
        sums(tile + kTileRows * s.tile_stride()),
        row_sum(sums + s.block_size * s.wide_head()),
        row_top(row_sum + s.block_size * kLanes) {}
};

/// Lanes that hold no key get a score that no maximum takes and whose exponential is 0.
inline void cover_lanes(const KeyBatch& batch, float scale, float* row) {
  const float least = scale < 0 ? -kNoScore : kNoScore;
  for (std::int64_t v = 0; v < batch.vectors; ++v) {
    for (std::int64_t l = batch.keys[v]; l < kLanes; ++l) row[v * kLanes + l] = least;
  }
}

/// The largest score of a row, in powers of two, and `top`.
inline float row_maximum(const KeyBatch& batch, const float* row, float scale, float top) {
  if (!batch.biased && scale >= 0) {
    Vec most = load(row), other = most;
    std::int64_t v = 1;
    for (; v + 2 <= batch.vectors; v += 2) {
      most = maximum(most, load(row + v * kLanes));
      other = maximum(other, load(row + (v + 1) * kLanes));
    }
    if (v < batch.vectors) most = maximum(most, load(row + v * kLanes));
    const float largest = horizontal_maximum(maximum(most, other)) * scale;
    return top > largest ? top : largest;
  }
  Vec even = broadcast(top), odd = even;
  std::int64_t v = 0;
  for (; v + 2 <= batch.vectors; v += 2) {
    even = maximum(even, load(row + v * kLanes) * scale + batch.bias[v]);
    odd = maximum(odd, load(row + (v + 1) * kLanes) * scale + batch.bias[v + 1]);
  }
  if (v < batch.vectors) even = maximum(even, load(row + v * kLanes) * scale + batch.bias[v]);
  return horizontal_maximum(maximum(even, odd));
}

/// A row of scores becomes words of probabilities relative to the new maximum, in place; returns
/// the factor by which what was summed so far shrinks.
template <class Form>
inline float softmax_row(const KeyBatch& batch, float scale, float* row, float* row_sum,
                         float& row_top) {
  const float top = row_maximum(batch, row, scale, row_top);
  float shrink = 1.0f;
  if (row_top != top) {
    shrink = row_top == kNoScore ? 0.0f : exp2_or_tiny(broadcast(row_top - top))[0];
  }
  Vec sum = load(row_sum) * shrink;
  const auto probability = [&](std::int64_t v) {
    return Form::exp2(load(row + v * kLanes) * scale + (batch.bias[v] - top));
  };
  if constexpr (Form::kPair == 1) {
    for (std::int64_t v = 0; v < batch.vectors; ++v) {
      const Vec p = probability(v);
      store(row + v * kLanes, p);
      sum += p;
    }
  } else {
    std::int64_t v = 0;
    for (; v + 2 <= batch.vectors; v += 2) {
      const Vec first = probability(v), second = probability(v + 1);
      store(row + v * kLanes / 2, Form::narrow_both(first, second));
      sum += first + second;
    }
    if (v < batch.vectors) {
      const Vec p = probability(v);
      const HalfVec rounded = narrow(p);
      __builtin_memcpy(row + v * kLanes / 2, &rounded, sizeof rounded);
      sum += p;
    }
  }
  store(row_sum, sum);
  row_top = top;
  return shrink;
}

inline void scale_row(float* x, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(x + i, load(x + i) * factor);
}

/// Writes a query's output: its sums divided by the sum of probabilities.
template <class Form>
inline void finish_row(const AttentionForward& a, std::int64_t token, const ForwardScratch& b,
                       std::int64_t i) {
  const float sum = horizontal_sum(load(b.row_sum + i * kLanes)), inverse = 1.0f / sum;
  auto* out = static_cast<typename Form::Element*>(a.out) + token * a.shape.out_stride;
  const float* sums = b.sums + i * a.shape.wide_head();
  for (std::int64_t d = 0; d < a.shape.head_size; d += kLanes) {
    Form::put(out + d, load(sums + d) * inverse, a.shape.head_size - d);
  }
  a.log_sum_exp[token] = (b.row_top[i] + __builtin_log2f(sum)) * kLn2;
}

/// The output of a query without keys, or of padding.
template <class Form>
inline void clear_row(const AttentionForward& a, std::int64_t token) {
  auto* out = static_cast<typename Form::Element*>(a.out) + token * a.shape.out_stride;
  for (std::int64_t d = 0; d < a.shape.head_size; d += kLanes) {
    Form::put(out + d, Vec{}, a.shape.head_size - d);
  }
  a.log_sum_exp[token] = __builtin_inff();
}

/// All queries of a block against a batch of keys.
template <class Form>
inline void forward_batch(const AttentionForward& a, std::int64_t queries, const RowWords& left,
                          const KeyBatch& batch, const ForwardScratch& b, Start start) {
  const HeadShape& s = a.shape;
  const std::int64_t stride = s.tile_stride();
  const float scale = a.scale * kLog2E;
  const float* keys[kMostVectors];
  point_at(s, batch, a.packed, keys);
  const Sums sums{.right = a.values(),
                  .right_vector = s.row_vector(s.packed_tokens()),
                  .vectors = s.vectors(s.head_size),
                  .stretches = batch.stretch,
                  .count = batch.stretches,
                  .c = b.sums,
                  .c_stride = s.wide_head(),
                  .start = start};
  for_each_strip(queries, [&](std::int64_t first, auto height) {
    score_strip<Form, height()>(left.from(first, 0), s.words(s.head_size), keys, batch.vectors,
                                b.tile, stride);
    for (std::int64_t r = 0; r < height; ++r) {
      const std::int64_t i = first + r;
      if (!batch.whole) cover_lanes(batch, scale, b.tile + r * stride);
      const float shrink = softmax_row<Form>(batch, scale, b.tile + r * stride,
                                             b.row_sum + i * kLanes, b.row_top[i]);
      if (start == Start::add && shrink != 1.0f) {
        scale_row(b.sums + i * s.wide_head(), s.wide_head(), shrink);
      }
    }
    sum_strip<Form, height()>(RowWords{b.tile, stride}, sums, b.sums + first * s.wide_head());
  });
}

/// Packs what the queries of all blocks read of block b.
template <class Form>
inline void attention_pack(const AttentionForward& a, std::int64_t b) {
  const HeadShape& s = a.shape;
  pack_transposed_block<Form>(s, {a.k, s.qkv_stride}, b, a.packed);
  const std::int64_t column = s.row_vector(s.packed_tokens());
  pack_rows_of_block<Form>(s, {a.v, s.qkv_stride}, b, a.values() + s.row_vector(b * s.block_size),
                           column);
}

/// All queries of a block; those that are padding get 0 and +infinity.
template <class Form>
inline void attention_forward(const AttentionForward& a, std::int64_t block, float* scratch) {
  const HeadShape& s = a.shape;
  const std::int64_t begin = block * s.block_size, queries = s.used_tokens(block);
  const ForwardScratch b(s, scratch);
  for (std::int64_t i = 0; i < queries; ++i) {
    store(b.row_sum + i * kLanes, Vec{});
    b.row_top[i] = kNoScore;
  }
  const RowWords left = left_side<Form>(s, {a.q, s.qkv_stride}, block, b.left);
  Start start = Start::zero;
  KeyBatches<Form> batches(s, a.rows, block);
  for (KeyBatch batch; queries > 0 && batches.next(batch); start = Start::add) {
    forward_batch<Form>(a, queries, left, batch, b, start);
  }
  const bool any = start == Start::add;
  for (std::int64_t i = 0; any && i < queries; ++i) finish_row<Form>(a, begin + i, b, i);
  for (std::int64_t i = any ? begin + queries : begin; i < s.end_of(block); ++i) {
    clear_row<Form>(a, i);
  }
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
