// Block attention, backward. With p_ij = exp(s_ij - lse_i) and delta_i = dout_i.out_i:
// dv_j = sum_i p_ij dout_i; ds_ij = p_ij (dout_i.v_j - delta_i); dq_i = scale sum_j ds_ij k_j;
// dk_j = scale sum_i ds_ij q_i.
//
// A head in one go needs five products for each pair of blocks: blocks of queries in order, dk and
// dv summed as they come. Where there are more threads than heads, blocks of queries give dq and
// blocks of keys dk and dv, in seven products. Both add up the same terms in the same order: dq
// over the batches of its list, dk and dv over the blocks of queries, each block one chain.
#pragma once

#include "kernels/cpu/simd/attention_blocks.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// The scratch of a block (see AttentionBackward::scratch).
struct BackwardScratch {
  float *left_queries, *left_dout;  // (S, head_size)
  float *queries, *dout;            // packed as they are
  float *p, *ds;                    // (S, tile_stride)
  float* ds_rows;                   // the same: words that go through keys
  float* sums[2];                   // (S, wide_head): of dq, or of dk and dv
  float* delta;                     // (S)

  BackwardScratch(const HeadShape& s, float* at) {
    const auto take = [&at](std::int64_t floats) {
      float* begin = at;
      at += floats;
      return begin;
    };
    left_queries = take(s.block_size * s.head_size);
    left_dout = take(s.block_size * s.head_size);
    queries = take(s.rows_of(s.block_size));
    dout = take(s.rows_of(s.block_size));
    p = take(s.block_size * s.tile_stride());
    ds = take(s.block_size * s.tile_stride());
    ds_rows = take(s.block_size * s.tile_stride());
    for (float*& sum : sums) sum = take(s.block_size * s.wide_head());
    delta = take(s.block_size);
  }
};

/// A block of queries, ready to meet keys.
struct QueryBlock {
  std::int64_t queries;  // that are not padding
  RowWords left, left_dout;
  const float* log_sum_exp;
};

/// delta of the used tokens of a block
template <class Form>
[[gnu::noinline]] void dot_rows(const AttentionBackward& a, std::int64_t block, float* delta) {
  const HeadShape& s = a.shape;
  const HeadMatrix<Form> out(a.out, s.out_stride), dout(a.dout, s.out_stride);
  for (std::int64_t i = 0; i < s.used_tokens(block); ++i) {
    const auto* x = out.token(block * s.block_size + i);
    const auto* y = dout.token(block * s.block_size + i);
    Vec sum{};
    for (std::int64_t d = 0; d < s.head_size; d += kLanes) {
      sum += Form::values(x + d, s.head_size - d) * Form::values(y + d, s.head_size - d);
    }
    delta[i] = horizontal_sum(sum);
  }
}

template <class Form>
inline QueryBlock read_queries(const AttentionBackward& a, std::int64_t block,
                               const BackwardScratch& b) {
  const HeadShape& s = a.shape;
  const HeadMatrix<Form> q(a.q, s.qkv_stride), dout(a.dout, s.out_stride);
  dot_rows<Form>(a, block, b.delta);
  return {s.used_tokens(block), left_side<Form>(s, q, block, b.left_queries),
          left_side<Form>(s, dout, block, b.left_dout), a.log_sum_exp + block * s.block_size};
}

/// Packs queries and dout of a block as they are, as the right sides of dk and dv.
template <class Form>
inline void pack_queries(const AttentionBackward& a, std::int64_t block, const BackwardScratch& b) {
  const HeadShape& s = a.shape;
  const std::int64_t column = s.row_vector(s.block_size);
  pack_rows_of_block<Form>(s, {a.q, s.qkv_stride}, block, b.queries, column);
  pack_rows_of_block<Form>(s, {a.dout, s.out_stride}, block, b.dout, column);
}

/// Scores and dout.v of one vector of keys become p and p (dout.v - delta).
struct ScoreGradient {
  float scale, bias, log_sum_exp, delta;  // in powers of two, but for delta

  template <class Form>
  void apply(Form, Vec& p, Vec& ds) const {
    p = Form::exp2(p * scale + (bias - log_sum_exp));
    ds = p * (ds - delta);
  }
};

/// Row by row, in place: what goes through queries and what goes through keys are the same words.
/// One copy, not one for each caller: which products a compiler fuses with a sum may differ.
template <class Form>
[[gnu::noinline]] void score_gradients(const KeyBatch& batch, const QueryBlock& q, float scale,
                                       std::int64_t stride, const BackwardScratch& b) {
  for (std::int64_t i = 0; i < q.queries; ++i) {
    float* p_row = b.p + i * stride;
    float* ds_row = b.ds + i * stride;
    for (std::int64_t v = 0; v < batch.vectors; ++v) {
      Vec p = load(p_row + v * kLanes), ds = load(ds_row + v * kLanes);
      ScoreGradient{scale, batch.bias[v], q.log_sum_exp[i] * kLog2E, b.delta[i]}.apply(Form{}, p,
                                                                                       ds);
      store(p_row + v * kLanes, p);
      store(ds_row + v * kLanes, ds);
    }
  }
}

#if defined(__AVX512BF16__) && DNABIRD_LANES == 16
/// Two rows at a time: words that go through queries hold both (in place, row i / 2), words that go
/// through keys (ds_rows) hold neighbours of a row. A row too few is 0.
template <>
[[gnu::noinline]] inline void score_gradients<PairForm>(const KeyBatch& batch, const QueryBlock& q,
                                                        float scale, std::int64_t stride,
                                                        const BackwardScratch& b) {
  const PairForm form;
  for (std::int64_t i = 0; i < q.queries; i += 2) {
    const bool both = i + 1 < q.queries;
    const std::int64_t other = both ? i + 1 : i;
    ScoreGradient first{scale, 0, q.log_sum_exp[i] * kLog2E, b.delta[i]};
    ScoreGradient second{scale, 0, q.log_sum_exp[other] * kLog2E, b.delta[other]};
    for (std::int64_t v = 0; v < batch.vectors; ++v) {
      first.bias = second.bias = batch.bias[v];
      const std::int64_t at = v * kLanes;
      Vec p0 = load(b.p + i * stride + at), ds0 = load(b.ds + i * stride + at);
      Vec p1 = load(b.p + other * stride + at), ds1 = load(b.ds + other * stride + at);
      first.apply(form, p0, ds0);
      second.apply(form, p1, ds1);
      const Vec ds = PairForm::narrow_both(ds0, both ? ds1 : Vec{});
      store(b.p + i / 2 * stride + at,
            PairForm::in_turns(PairForm::narrow_both(p0, both ? p1 : Vec{})));
      store(b.ds + i / 2 * stride + at, PairForm::in_turns(ds));
      HalfVec rows[2];
      __builtin_memcpy(rows, &ds, sizeof rows);
      if (both) __builtin_memcpy(b.ds_rows + other * stride + at / 2, &rows[1], sizeof rows[1]);
      __builtin_memcpy(b.ds_rows + i * stride + at / 2, &rows[0], sizeof rows[0]);
    }
  }
}
#endif

/// p and ds of a block of queries and a batch of keys: two products.
template <class Form>
inline void backward_scores(const AttentionBackward& a, const QueryBlock& q, const KeyBatch& batch,
                            const BackwardScratch& b) {
  const HeadShape& s = a.shape;
  const std::int64_t words = s.words(s.head_size), stride = s.tile_stride();
  const float *keys[kMostVectors], *values[kMostVectors];
  point_at(s, batch, a.keys_transposed(), keys);
  point_at(s, batch, a.values_transposed(), values);
  for_each_strip(q.queries, [&](std::int64_t row, auto height) {
    score_strip<Form, height()>(q.left.from(row, 0), words, keys, batch.vectors, b.p + row * stride,
                                stride);
    score_strip<Form, height()>(q.left_dout.from(row, 0), words, values, batch.vectors,
                                b.ds + row * stride, stride);
  });
  score_gradients<Form>(batch, q, a.scale * kLog2E, stride, b);
}

/// dq += ds k: one product.
template <class Form>
inline void add_query_gradients(const AttentionBackward& a, const QueryBlock& q,
                                const KeyBatch& batch, const BackwardScratch& b, Start start) {
  const HeadShape& s = a.shape;
  sum_rows<Form>(RowWords{Form::kPair == 1 ? b.ds : b.ds_rows, s.tile_stride()}, q.queries,
                 {.right = a.packed,
                  .right_vector = s.row_vector(s.packed_tokens()),
                  .vectors = s.vectors(s.head_size),
                  .stretches = batch.stretch,
                  .count = batch.stretches,
                  .c = b.sums[0],
                  .c_stride = s.wide_head(),
                  .start = start});
}

/// dv += p^T dout and dk += ds^T q for one vector or several neighbours of keys: two products. Sums
/// of both begin at the first of the keys.
template <class Form>
inline void add_key_gradients(const AttentionBackward& a, const QueryBlock& q, const Stretch& keys,
                              std::int64_t count, const BackwardScratch& b, float* dk, float* dv) {
  const HeadShape& s = a.shape;
  const Stretch all{0, 0, s.words(q.queries)};
  Sums sums{.right = b.dout,
            .right_vector = s.row_vector(s.block_size),
            .vectors = s.vectors(s.head_size),
            .stretches = &all,
            .count = 1,
            .c = dv,
            .c_stride = s.wide_head(),
            .start = Start::add};
  const std::int64_t column = keys.left * Form::kPair;
  sum_rows<Form>(ColumnWords{b.p + column, s.tile_stride()}, count, sums);
  sums.right = b.queries;
  sums.c = dk;
  sum_rows<Form>(ColumnWords{b.ds + column, s.tile_stride()}, count, sums);
}

/// Writes rows of sums, scaled, to tokens of dqkv.
template <class Form>
inline void write_rows(const HeadShape& s, const float* sums, std::int64_t rows, float scale,
                       void* gradient, std::int64_t token) {
  for (std::int64_t i = 0; i < rows; ++i) {
    auto* to = static_cast<typename Form::Element*>(gradient) + (token + i) * s.qkv_stride;
    for (std::int64_t d = 0; d < s.head_size; d += kLanes) {
      Form::put(to + d, load(sums + i * s.wide_head() + d) * scale, s.head_size - d);
    }
  }
}

template <class Form>
inline void clear_rows(const HeadShape& s, std::int64_t begin, std::int64_t end, void* gradient) {
  for (std::int64_t t = begin; t < end; ++t) {
    auto* to = static_cast<typename Form::Element*>(gradient) + t * s.qkv_stride;
    for (std::int64_t d = 0; d < s.head_size; d += kLanes) {
      Form::put(to + d, Vec{}, s.head_size - d);
    }
  }
}

inline void clear(float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = 0;
}

/// Packs what the blocks of queries and of keys read of block b.
template <class Form>
inline void attention_pack_backward(const AttentionBackward& a, std::int64_t b) {
  const HeadShape& s = a.shape;
  const HeadMatrix<Form> keys(a.k, s.qkv_stride), values(a.v, s.qkv_stride);
  pack_rows_of_block<Form>(s, keys, b, a.packed + s.row_vector(b * s.block_size),
                           s.row_vector(s.packed_tokens()));
  pack_transposed_block<Form>(s, keys, b, a.keys_transposed());
  pack_transposed_block<Form>(s, values, b, a.values_transposed());
}

/// dq of the queries of a block. Calls visit(batch, queries) for every batch of keys, when p and ds
/// of it are known.
template <class Form, class Visit>
inline void backward_queries(const AttentionBackward& a, std::int64_t block,
                             const BackwardScratch& b, const Visit& visit) {
  const HeadShape& s = a.shape;
  const std::int64_t used = s.used_tokens(block);
  if (used > 0) {
    const QueryBlock q = read_queries<Form>(a, block, b);
    clear(b.sums[0], used * s.wide_head());
    KeyBatches<Form> batches(s, a.rows, block);
    Start start = Start::zero;
    for (KeyBatch batch; batches.next(batch); start = Start::add) {
      backward_scores<Form>(a, q, batch, b);
      visit(batch, q);
      add_query_gradients<Form>(a, q, batch, b, start);
    }
    write_rows<Form>(s, b.sums[0], used, a.scale, a.dq, block * s.block_size);
  }
  clear_rows<Form>(s, block * s.block_size + used, s.end_of(block), a.dq);
}

template <class Form>
inline void attention_queries(const AttentionBackward& a, std::int64_t block, float* scratch) {
  backward_queries<Form>(a, block, BackwardScratch(a.shape, scratch),
                         [](const KeyBatch&, const QueryBlock&) {});
}

/// dk and dv of the keys of a block, over its column's list of blocks of queries.
template <class Form>
inline void attention_keys(const AttentionBackward& a, std::int64_t block, float* scratch) {
  const HeadShape& s = a.shape;
  const BackwardScratch b(s, scratch);
  const std::int64_t used = s.used_tokens(block);
  clear(b.sums[0], used * s.wide_head());
  clear(b.sums[1], used * s.wide_head());
  for (std::int32_t n = a.columns.begin[block]; used > 0 && n < a.columns.begin[block + 1]; ++n) {
    const std::int64_t query_block = a.columns.block[n];
    if (s.used_tokens(query_block) == 0) break;  // so it is with all that follow
    const QueryBlock q = read_queries<Form>(a, query_block, b);
    pack_queries<Form>(a, query_block, b);
    // A list of one block of keys, with what the pair's multiplicity is.
    const std::int32_t begin[2] = {0, 1}, key = static_cast<std::int32_t>(block);
    KeyBatches<Form> batches(s, {begin, &key, a.columns.multiplicity + n}, 0);
    std::int64_t done = 0;
    for (KeyBatch batch; batches.next(batch);) {
      backward_scores<Form>(a, q, batch, b);
      const std::int64_t left = used - done, most = batch.vectors * kLanes;
      const std::int64_t keys = left < most ? left : most;
      add_key_gradients<Form>(a, q, batch.stretch[0], keys, b, b.sums[0] + done * s.wide_head(),
                              b.sums[1] + done * s.wide_head());
      done += keys;
    }
  }
  write_rows<Form>(s, b.sums[0], used, a.scale, a.dk, block * s.block_size);
  write_rows<Form>(s, b.sums[1], used, 1.0f, a.dv, block * s.block_size);
  clear_rows<Form>(s, block * s.block_size + used, s.end_of(block), a.dk);
  clear_rows<Form>(s, block * s.block_size + used, s.end_of(block), a.dv);
}

/// All gradients of a head.
template <class Form>
inline void attention_head(const AttentionBackward& a, float* scratch, float* dk) {
  const HeadShape& s = a.shape;
  const std::int64_t blocks = (s.tokens + s.block_size - 1) / s.block_size;
  const BackwardScratch b(s, scratch);
  float* dv = dk + s.packed_tokens() * s.wide_head();
  clear(dk, 2 * s.packed_tokens() * s.wide_head());
  for (std::int64_t n = 0; n < s.used_blocks(); ++n) attention_pack_backward<Form>(a, n);
  for (std::int64_t n = 0; n < blocks; ++n) {
    if (n < s.used_blocks()) pack_queries<Form>(a, n, b);
    backward_queries<Form>(a, n, b, [&](const KeyBatch& batch, const QueryBlock& q) {
      for (std::int64_t m = 0; m < batch.stretches; ++m) {
        const Stretch& keys = batch.stretch[m];
        const std::int64_t token = keys.right * Form::kPair, left = s.length - token;
        const std::int64_t most = keys.depth * Form::kPair, count = most < left ? most : left;
        add_key_gradients<Form>(a, q, keys, count, b, dk + token * s.wide_head(),
                                dv + token * s.wide_head());
      }
    });
  }
  write_rows<Form>(s, dk, s.length, a.scale, a.dk, 0);
  write_rows<Form>(s, dv, s.length, 1.0f, a.dv, 0);
  clear_rows<Form>(s, s.length, s.tokens, a.dk);
  clear_rows<Form>(s, s.length, s.tokens, a.dv);
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
