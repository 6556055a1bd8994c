// Calls of block attention, with random inputs, for the tests of kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "support/block_lists.h"
#include "support/dense_op_calls.h"

namespace dnabird::test {

struct AttentionShape {
  std::int64_t batch, tokens, heads, head_size;
};

inline double attention_scale(const AttentionShape& s) {
  return 1.0 / std::sqrt(static_cast<double>(s.head_size));
}

/// `lengths` (B). Rows beyond a length hold large numbers, which must not arrive anywhere.
inline Op attention_op(const AttentionShape& s, const BlockLists& lists,
                       const std::vector<std::int32_t>& lengths) {
  RandomValues random(31);
  const std::int64_t width = s.heads * s.head_size, rows = s.batch * s.tokens;
  Op op{.name = shape_name({s.batch, s.tokens, s.heads, s.head_size}) + "_block" +
                std::to_string(lists.block_size) + (lists.keys.size() == 1 ? "_shared" : "_own"),
        .rows = s.batch};
  op.inputs = {{"qkv", random.normals(rows * 3 * width)}, {"dy", random.normals(rows * width)}};
  op.indices = {{"lengths", lengths}};
  op.by_row = {"qkv", "dy", "lengths", "y", "log_sum_exp"};
  for (const auto& [name, row_width] : {std::pair{"qkv", 3 * width}, std::pair{"dy", width}}) {
    for (std::int64_t b = 0; b < s.batch; ++b) {
      const auto begin = op.inputs[name].begin() + b * s.tokens * row_width;
      std::fill(begin + lengths[static_cast<std::size_t>(b)] * row_width,
                begin + s.tokens * row_width, 1e4);
    }
  }
  op.forward = [s, lists](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    const HostPattern pattern(lists);
    k.block_attention_forward({o.rows, s.tokens, s.heads, s.head_size, attention_scale(s),
                               pattern.view(), w.ints(o.indices.at("lengths")),
                               w.in(o.inputs.at("qkv")),
                               w.out("y", o.rows * s.tokens * s.heads * s.head_size),
                               w.parameter_out("log_sum_exp", o.rows * s.heads * s.tokens)});
    return w.results();
  };
  op.backward = [s, lists](KernelSet& k, const Op& o, const Arrays& saved,
                           const GradientRequest& g) {
    Workspace w(k, g.offset);
    const HostPattern pattern(lists);
    k.block_attention_backward({o.rows, s.tokens, s.heads, s.head_size, attention_scale(s),
                                pattern.view(), w.ints(o.indices.at("lengths")),
                                w.in(o.inputs.at("qkv")), w.in(saved.at("y")),
                                w.parameter(saved.at("log_sum_exp")), w.in(o.inputs.at("dy")),
                                gradient_out(w, o, "qkv", g)});
    return w.results();
  };
  return op;
}

inline std::int64_t blocks_of(std::int64_t tokens, std::int64_t block_size) {
  return (tokens + block_size - 1) / block_size;
}

enum class Lists { dense, shared, per_head };

inline Op attention_op(const AttentionShape& s, std::int64_t block_size, Lists kind,
                       const std::vector<std::int32_t>& lengths) {
  RandomValues random(32);
  const std::int64_t blocks = blocks_of(s.tokens, block_size);
  if (kind == Lists::dense) return attention_op(s, dense_lists(blocks, block_size), lengths);
  const std::int64_t lists = kind == Lists::shared ? 1 : s.heads;
  return attention_op(s, random_lists(lists, blocks, block_size, random), lengths);
}

}  // namespace dnabird::test
