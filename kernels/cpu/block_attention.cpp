#include "kernels/cpu/block_attention.h"

#include <numeric>
#include <vector>

namespace dnabird::kernels::cpu {

namespace {

// Keys that forward reads at once, where they are neighbours: a softmax's work for each row, as
// large as that for 64 keys, is done once for all of them.
constexpr std::int64_t kForwardKeys = 512;
// Elements of a tile of scores in backward, where blocks are small: two tiles stay in the first
// cache with what they are multiplied with.
constexpr std::int64_t kBackwardTile = 4096;
constexpr std::int64_t kDenseBlock = 64;

/// Lists that hold every block once, in blocks of kDenseBlock.
class DenseLists {
 public:
  explicit DenseLists(std::int64_t tokens) : blocks_((tokens + kDenseBlock - 1) / kDenseBlock) {
    for (std::int64_t row = 0; row <= blocks_; ++row) {
      begin_.push_back(static_cast<std::int32_t>(row * blocks_));
    }
    for (std::int64_t pair = 0; pair < blocks_ * blocks_; ++pair) {
      block_.push_back(static_cast<std::int32_t>(pair % blocks_));
    }
    multiplicity_.assign(block_.size(), 1);
  }
  BlockPatternView view() const {
    return {1,
            blocks_,
            kDenseBlock,
            begin_.data(),
            block_.data(),
            multiplicity_.data(),
            begin_.data(),
            block_.data(),
            multiplicity_.data()};
  }

 private:
  std::int64_t blocks_;
  std::vector<std::int32_t> begin_, block_, multiplicity_;
};

/// Whether every query reads every key once: then the size of the blocks is ours to choose.
bool is_dense(const BlockPatternView& p) {
  const std::int64_t pairs = p.row_begin[p.heads * p.blocks];
  return pairs == p.heads * p.blocks * p.blocks &&
         std::all_of(p.row_multiplicity, p.row_multiplicity + pairs,
                     [](std::int32_t m) { return m == 1; });
}

/// The context with a tier whose panels the blocks and heads fill, if there is one: vectors of half
/// the width beat those that are half empty.
template <class Args>
Context fitting(const Context& context, const Args& a) {
  const bool fits =
      a.pattern.block_size % context.tier.panel == 0 && a.head_size % context.tier.panel == 0;
  return {fits ? context.tier : narrower_tier(context.tier), context.threads, context.pool,
          context.onednn, context.weights};
}

/// Calls run(context, args) with the pattern as it is, or in better blocks if it is dense.
template <class Args, class Run>
void in_good_blocks(const Context& context, Args a, const Run& run) {
  if (a.pattern.block_size >= kDenseBlock || !is_dense(a.pattern))
    return run(fitting(context, a), a);
  const DenseLists lists(a.tokens);
  a.pattern = lists.view();
  run(fitting(context, a), a);
}

/// How many neighbouring blocks one product takes.
std::int64_t blocks_at_once(const BlockAttentionArgs& a) {
  return kForwardKeys / a.pattern.block_size;
}
std::int64_t blocks_at_once(const BlockAttentionGrad& a) {
  return kBackwardTile / (a.pattern.block_size * a.pattern.block_size);
}

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
  const std::int64_t blocks = s.block_size == s.wide_block ? blocks_at_once(a) : 1;
  s.most_keys = s.block_size * std::max<std::int64_t>(blocks, 1);
  return s;
}

/// The sizes of a head without padding: of scratch that fits every head.
template <class Args>
HeadShape largest_shape(const Context& context, const Args& a) {
  HeadShape s = shape_of(context, a, 0);
  s.length = *std::max_element(a.lengths, a.lengths + a.batch);
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

AttentionForward forward_head(const Context& context, const BlockAttentionArgs& a,
                              std::int64_t head, float* packed) {
  AttentionForward f{};
  const std::int64_t part = a.heads * a.head_size;
  f.shape = shape_of(context, a, head);
  f.scale = static_cast<float>(a.scale);
  f.rows = row_lists(a, head);
  f.q = floats(a.qkv) + offset_in_qkv(a, head);
  f.k = f.q + part;
  f.v = f.k + part;
  f.packed = packed;
  f.out = floats(a.out) + offset_in_out(a, head);
  f.log_sum_exp = floats(a.log_sum_exp) + head * a.tokens;
  return f;
}

/// Whole heads are tasks: what a thread packs stays in its cache.
void forward_by_head(const Context& context, const BlockAttentionArgs& a) {
  const HeadShape largest = largest_shape(context, a);
  const std::int64_t packed = round_up(AttentionForward::packed_size(largest), kMostLanes);
  const std::int64_t scratch = packed + round_up(AttentionForward::scratch(largest), kMostLanes);
  const PoolArray memory(context.pool, context.threads * scratch);
  for_each_task(context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    float* mine = memory.data() + thread * scratch;
    const AttentionForward f = forward_head(context, a, head, mine);
    for (std::int64_t b = 0; b < f.shape.used_blocks(); ++b) {
      context.tier.attention_pack_block(f, b);
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
  const HeadShape largest = largest_shape(context, a);
  const std::int64_t packed = round_up(AttentionForward::packed_size(largest), kMostLanes);
  const std::int64_t scratch = round_up(AttentionForward::scratch(largest), kMostLanes);
  const std::int64_t blocks = a.pattern.blocks, all = a.batch * a.heads;
  const std::int64_t group = std::min(all, 16 * context.threads / blocks + 1);
  const PoolArray memory(context.pool, group * packed + context.threads * scratch);
  for (std::int64_t first = 0; first < all; first += group) {
    const std::int64_t heads = std::min(group, all - first);
    const auto head_of = [&](std::int64_t task) {
      return forward_head(context, a, first + task / blocks,
                          memory.data() + task / blocks * packed);
    };
    for_each_task(context, heads * blocks, [&](std::int64_t task, int) {
      const AttentionForward f = head_of(task);
      if (task % blocks < f.shape.used_blocks()) {
        context.tier.attention_pack_block(f, task % blocks);
      }
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

void backward_by_head(const Context& context, const BlockAttentionGrad& a) {
  const std::int64_t scratch =
      round_up(AttentionBackward::scratch(largest_shape(context, a)), kMostLanes);
  const PoolArray memory(context.pool, context.threads * scratch);
  for_each_task(context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    context.tier.attention_backward_head(backward_head(context, a, head),
                                         memory.data() + thread * scratch);
  });
}

}  // namespace

void block_attention_forward(const Context& given, const BlockAttentionArgs& args) {
  if (args.batch * args.heads * args.tokens * args.head_size == 0) return;
  in_good_blocks(given, args, [](const Context& context, const BlockAttentionArgs& a) {
    constexpr std::int64_t kNear = 1 << 16;  // floats of a packed head that a cache holds
    const bool small = AttentionForward::packed_size(largest_shape(context, a)) <= kNear;
    if (small && a.batch * a.heads >= 2 * context.threads) return forward_by_head(context, a);
    forward_by_block(context, a);
  });
}

void block_attention_backward(const Context& given, const BlockAttentionGrad& args) {
  if (args.batch * args.heads * args.tokens * args.head_size == 0) return;
  in_good_blocks(given, args, [](const Context& context, const BlockAttentionGrad& a) {
    backward_by_head(context, a);
  });
}

}  // namespace dnabird::kernels::cpu
