#include "kernels/cpu/block_attention.h"

#include <numeric>
#include <vector>

namespace dnabird::kernels::cpu {

namespace {

/// Sizes of head number `head` (of B*H). Args is BlockAttentionArgs or BlockAttentionGrad.
template <class Args>
HeadShape shape_of(const Context& context, const Args& a, std::int64_t head) {
  HeadShape s{};
  s.length = a.lengths[head / a.heads];
  s.tokens = a.tokens;
  s.head_size = a.head_size;
  s.block_size = a.pattern.block_size;
  s.qkv_stride = 3 * a.heads * a.head_size;
  s.out_stride = a.heads * a.head_size;
  s.wide_block = round_up(s.block_size, context.tier.panel);
  s.wide_head = round_up(s.head_size, context.tier.panel);
  return s;
}

template <class Args>
BlockLists row_lists(const Args& a, std::int64_t head) {
  const BlockPatternView& p = a.pattern;
  return {p.row_begin + (p.heads == 1 ? 0 : head % a.heads * p.blocks), p.key_block,
          p.row_multiplicity};
}

/// Where the first token of a head lies in qkv (the query) and in out.
template <class Args>
std::int64_t offset_in_qkv(const Args& a, std::int64_t head) {
  return (head / a.heads * a.tokens * 3 * a.heads + head % a.heads) * a.head_size;
}
template <class Args>
std::int64_t offset_in_out(const Args& a, std::int64_t head) {
  return (head / a.heads * a.tokens * a.heads + head % a.heads) * a.head_size;
}

/// A head with its packed keys and values at `packed`.
AttentionForward forward_head(const Context& context, const BlockAttentionArgs& a,
                              std::int64_t head, float* packed) {
  AttentionForward f{};
  f.shape = shape_of(context, a, head);
  f.scale = static_cast<float>(a.scale);
  f.rows = row_lists(a, head);
  f.q = floats(a.qkv) + offset_in_qkv(a, head);
  f.packed_keys = packed;
  f.packed_values = packed + a.pattern.blocks * f.shape.packed_transposed();
  f.out = floats(a.out) + offset_in_out(a, head);
  f.log_sum_exp = floats(a.log_sum_exp) + head * a.tokens;
  return f;
}

std::int64_t packed_size(const BlockPatternView& p, const HeadShape& s) {
  return p.blocks * (s.packed_transposed() + s.packed_rows());
}

void pack_keys_and_values(const Context& context, const BlockAttentionArgs& a,
                          const AttentionForward& f, std::int64_t block, float* packed) {
  const HeadShape& s = f.shape;
  const std::int64_t part = a.heads * a.head_size;
  const float* keys = f.q + part + block * s.block_size * s.qkv_stride;
  context.tier.pack_transposed({.depth = s.head_size,
                                .columns = s.used_tokens(block),
                                .from = keys,
                                .stride = s.qkv_stride,
                                .to = packed + block * s.packed_transposed(),
                                .panel_stride = s.head_size * context.tier.panel});
  context.tier.pack_rows(
      {.depth = s.used_tokens(block),
       .columns = s.head_size,
       .from = keys + part,
       .stride = s.qkv_stride,
       .to = packed + a.pattern.blocks * s.packed_transposed() + block * s.packed_rows(),
       .panel_stride = s.block_size * context.tier.panel});
}

/// Whole heads are tasks: what a thread packs stays in its cache.
void forward_by_head(const Context& context, const BlockAttentionArgs& a) {
  const HeadShape any = shape_of(context, a, 0);
  const std::int64_t packed = packed_size(a.pattern, any);
  const std::int64_t scratch = packed + AttentionForward::scratch(any);
  const PoolArray memory(context.pool, context.threads * scratch);
  for_each_task(context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    float* mine = memory.data() + thread * scratch;
    const AttentionForward f = forward_head(context, a, head, mine);
    for (std::int64_t b = 0; b < f.shape.used_blocks(); ++b) {
      pack_keys_and_values(context, a, f, b, mine);
    }
    for (std::int64_t b = 0; b < a.pattern.blocks; ++b) {
      context.tier.attention_forward_block(f, b, mine + packed);
    }
  });
}

/// Blocks of the heads [first, first + heads) with the longest lists first, so that a block that
/// reads the whole sequence is not the one that everybody waits for.
std::vector<std::int64_t> longest_first(const BlockAttentionArgs& a, std::int64_t first,
                                        std::int64_t heads) {
  const auto length = [&](std::int64_t task) {
    const std::int32_t* row = row_lists(a, first + task / a.pattern.blocks).begin;
    return row[task % a.pattern.blocks + 1] - row[task % a.pattern.blocks];
  };
  std::vector<std::int64_t> tasks(heads * a.pattern.blocks);
  std::iota(tasks.begin(), tasks.end(), 0);
  std::stable_sort(tasks.begin(), tasks.end(),
                   [&](std::int64_t x, std::int64_t y) { return length(x) > length(y); });
  return tasks;
}

/// Blocks are tasks; some heads at a time, so that their packed keys and values stay near.
void forward_by_block(const Context& context, const BlockAttentionArgs& a) {
  const HeadShape any = shape_of(context, a, 0);
  const std::int64_t blocks = a.pattern.blocks, packed = packed_size(a.pattern, any);
  const std::int64_t scratch = AttentionForward::scratch(any), all = a.batch * a.heads;
  const std::int64_t group = std::min(all, 16 * context.threads / blocks + 1);
  const PoolArray memory(context.pool, group * packed + context.threads * scratch);
  for (std::int64_t first = 0; first < all; first += group) {
    const std::int64_t heads = std::min(group, all - first);
    const auto head_of = [&](std::int64_t task) {
      return forward_head(context, a, first + task / blocks,
                          memory.data() + task / blocks * packed);
    };
    for_each_task(context, heads * blocks, [&](std::int64_t task, int) {
      pack_keys_and_values(context, a, head_of(task), task % blocks,
                           memory.data() + task / blocks * packed);
    });
    const std::vector<std::int64_t> order = longest_first(a, first, heads);
    for_each_task(context, heads * blocks, [&](std::int64_t task, int thread) {
      context.tier.attention_forward_block(head_of(order[task]), order[task] % blocks,
                                           memory.data() + group * packed + thread * scratch);
    });
  }
}

AttentionBackward backward_head(const Context& context, const BlockAttentionGrad& a,
                                std::int64_t head) {
  AttentionBackward b{};
  const std::int64_t part = a.heads * a.head_size;
  b.shape = shape_of(context, a, head);
  b.scale = static_cast<float>(a.scale);
  b.rows = row_lists(a, head);
  b.q = floats(a.qkv) + offset_in_qkv(a, head);
  b.k = b.q + part;
  b.v = b.k + part;
  b.out = floats(a.out) + offset_in_out(a, head);
  b.dout = floats(a.dout) + offset_in_out(a, head);
  b.log_sum_exp = floats(a.log_sum_exp) + head * a.tokens;
  b.dq = floats(a.dqkv) + offset_in_qkv(a, head);
  b.dk = b.dq + part;
  b.dv = b.dk + part;
  return b;
}

}  // namespace

void block_attention_forward(const Context& context, const BlockAttentionArgs& a) {
  if (a.batch * a.heads * a.tokens * a.head_size == 0) return;
  constexpr std::int64_t kNear = 1 << 16;  // floats of a packed head that a cache holds
  const bool small = packed_size(a.pattern, shape_of(context, a, 0)) <= kNear;
  if (small && a.batch * a.heads >= 2 * context.threads) return forward_by_head(context, a);
  forward_by_block(context, a);
}

void block_attention_backward(const Context& context, const BlockAttentionGrad& a) {
  if (a.batch * a.heads * a.tokens * a.head_size == 0) return;
  std::int64_t scratch = 0;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    scratch = std::max(scratch, AttentionBackward::scratch(shape_of(context, a, b * a.heads)));
  }
  scratch = round_up(scratch, 16);
  const PoolArray memory(context.pool, context.threads * scratch);
  for_each_task(context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    context.tier.attention_backward_head(backward_head(context, a, head),
                                         memory.data() + thread * scratch);
  });
}

}  // namespace dnabird::kernels::cpu
