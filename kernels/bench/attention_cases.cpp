#include <cmath>

#include "kernels/bench/block_lists.h"
#include "kernels/bench/cases.h"

namespace dnabird::kernels::bench {

namespace {

struct Attention {
  std::int64_t batch, tokens, heads, head_size;
  BlockLists lists;
  std::string kind;
};

/// Pairs of tokens that meet, over batch and heads.
double token_pairs(const Attention& a) {
  const std::int64_t size = a.lists.block_size;
  const auto tokens_of = [&](std::int64_t block) {
    return static_cast<double>(std::min(size, a.tokens - block * size));
  };
  double pairs = 0;
  for (std::int64_t row = 0; row < a.lists.heads * a.lists.blocks; ++row) {
    for (std::int32_t n = a.lists.row_begin[row]; n < a.lists.row_begin[row + 1]; ++n) {
      pairs += tokens_of(row % a.lists.blocks) * tokens_of(a.lists.key_block[n]);
    }
  }
  const std::int64_t repeats = a.batch * a.heads / a.lists.heads;
  return pairs * static_cast<double>(repeats);
}

BlockAttentionArgs forward_args(const Attention& a, const Buffers& b) {
  return {a.batch,       a.tokens, a.heads, a.head_size, 1 / std::sqrt(a.head_size),
          view(a.lists), b.i[0],   b.f[0],  b.f[1],      b.f[2]};
}

Operation describe(const Attention& a) {
  Operation op;
  op.bound = Bound::tiles;
  op.shape = std::to_string(a.batch) + " x " + std::to_string(a.tokens) + ", " +
             std::to_string(a.heads) + " x " + std::to_string(a.head_size) + ", blocks of " +
             std::to_string(a.lists.block_size) + " " + a.kind;
  op.ints = {std::vector<std::int32_t>(a.batch, static_cast<std::int32_t>(a.tokens))};
  return op;
}

Operation forward(const Attention& a) {
  Operation op = describe(a);
  const std::int64_t n = a.batch * a.tokens * a.heads * a.head_size;
  op.name = "attention forward";
  op.flops = 4 * token_pairs(a) * static_cast<double>(a.head_size);
  op.floats = {{3 * n, Use::input, 2},
               {n, Use::output},
               {n / a.head_size, Use::output, 0, Holds::parameters}};
  op.run = [a](const Buffers& b) { b.kernels.block_attention_forward(forward_args(a, b)); };
  return op;
}

Operation backward(const Attention& a) {
  Operation op = describe(a);
  const std::int64_t n = a.batch * a.tokens * a.heads * a.head_size;
  op.name = "attention backward";
  op.flops = 10 * token_pairs(a) * static_cast<double>(a.head_size);
  op.floats = {{3 * n, Use::input, 2},
               {n, Use::saved},
               {n / a.head_size, Use::saved, 0, Holds::parameters},
               {n, Use::input, 1},
               {3 * n, Use::output}};
  op.prepare = [a](const Buffers& b) { b.kernels.block_attention_forward(forward_args(a, b)); };
  op.run = [a](const Buffers& b) {
    const BlockAttentionArgs f = forward_args(a, b);
    b.kernels.block_attention_backward({f.batch, f.tokens, f.heads, f.head_size, f.scale, f.pattern,
                                        f.lengths, f.qkv, f.out, f.log_sum_exp, b.f[3], b.f[4]});
  };
  return op;
}

Attention dense(std::int64_t batch, std::int64_t tokens, std::int64_t head_size,
                std::int64_t block_size) {
  return {batch, tokens, 128 / head_size, head_size, dense_lists(tokens, block_size), "dense"};
}

Attention sparse(std::int64_t batch, std::int64_t tokens, std::int64_t heads,
                 std::int64_t head_size, std::int64_t block_size) {
  return {batch, tokens, heads, head_size, sparse_lists(heads, tokens, block_size), "sparse"};
}

void add(std::vector<Case>& cases, const Attention& check, const Attention& time) {
  cases.push_back({forward(check), forward(time)});
  cases.push_back({backward(check), backward(time)});
}

}  // namespace

std::vector<Case> attention_cases(std::int64_t times) {
  std::vector<Case> cases;
  for (const std::int64_t block_size : {16, 32, 64}) {
    add(cases, dense(1, 300, 32, block_size), dense(32 * times, 300, 32, block_size));
  }
  add(cases, dense(1, 300, 64, 64), dense(32 * times, 300, 64, 64));
  for (const std::int64_t block_size : {16, 32, 64}) {
    add(cases, sparse(1, 1000, 2, 64, block_size), sparse(times, 4096, 12, 64, block_size));
  }
  add(cases, sparse(1, 1000, 2, 128, 64), sparse(times, 4096, 6, 128, 64));
  for (const std::int64_t tokens : {1024, 2048, 4096, 8192, 16384}) {
    add(cases, sparse(1, 1024, 4, 32, 64), sparse(times * 16384 / tokens, tokens, 4, 32, 64));
  }
  return cases;
}

}  // namespace dnabird::kernels::bench
