#include "kernels/cpu/block_attention.h"

#include <numeric>
#include <vector>

namespace dnabird::kernels::cpu {

namespace {

// Keys that forward reads at once: a usual list. A strip of their scores stays in the first cache.
constexpr std::int64_t kForwardKeys = 512;
// Elements of a tile of scores in backward: two tiles stay near the first cache with what they are
// multiplied with.
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

/// What the tasks of a call share: the inner loops to use, and where memory comes from.
struct Plan {
  const Context& context;
  const AttentionKernels& kernels;
  std::int64_t element;  // bytes
};

/// The inner loops for these sizes: vectors of half the width beat those that are half empty, and
/// pairs need even blocks and heads.
template <class Args>
const AttentionKernels& kernels_for(const Tier& tier, const Args& a, AttentionElements elements) {
  const Tier& narrow = narrower_tier(tier);
  const std::int64_t block = a.pattern.block_size, head = a.head_size;
  if (elements == AttentionElements::bf16) {
    const bool pairs = block % 2 == 0 && head % 2 == 0;
    return tier.attention_bf16.pair == 1 || pairs ? tier.attention_bf16 : narrow.attention_bf16;
  }
  const auto padded = [&](std::int64_t lanes) {
    return round_up(block, lanes) * round_up(head, lanes);
  };
  return padded(tier.attention.lanes) > padded(narrow.attention.lanes) ? narrow.attention
                                                                       : tier.attention;
}

/// Calls run(plan, args) with the pattern as it is, or in better blocks if it is dense.
template <class Args, class Run>
void in_good_blocks(const Context& context, Args a, AttentionElements elements, const Run& run) {
  const bool regroup = a.pattern.block_size < kDenseBlock && is_dense(a.pattern);
  const DenseLists lists(regroup ? a.tokens : 0);
  if (regroup) a.pattern = lists.view();
  const std::int64_t element = elements == AttentionElements::f32 ? 4 : 2;
  run(Plan{context, kernels_for(context.tier, a, elements), element}, a);
}

/// How many keys a tile of scores takes.
std::int64_t keys_at_once(const BlockAttentionArgs&) { return kForwardKeys; }
std::int64_t keys_at_once(const BlockAttentionGrad& a) {
  return std::min(kForwardKeys, kBackwardTile / a.pattern.block_size);
}

/// Sizes of head number `head` (of B*H). Args is BlockAttentionArgs or BlockAttentionGrad.
template <class Args>
HeadShape shape_of(const Plan& plan, const Args& a, std::int64_t head) {
  HeadShape s{};
  s.length = a.lengths[head / a.heads];
  s.tokens = a.tokens;
  s.head_size = a.head_size;
  s.block_size = a.pattern.block_size;
  s.qkv_stride = 3 * a.heads * a.head_size;
  s.out_stride = a.heads * a.head_size;
  s.lanes = plan.kernels.lanes;
  s.pair = plan.kernels.pair;
  s.most_vectors = std::max<std::int64_t>(keys_at_once(a) / s.lanes, 1);
  return s;
}

/// The sizes of a head without padding: of scratch that fits every head.
template <class Args>
HeadShape largest_shape(const Plan& plan, const Args& a) {
  HeadShape s = shape_of(plan, a, 0);
  s.length = *std::max_element(a.lengths, a.lengths + a.batch);
  return s;
}

template <class Args>
std::int64_t first_list(const Args& a, std::int64_t head) {
  return a.pattern.heads == 1 ? 0 : head % a.heads * a.pattern.blocks;
}
template <class Args>
BlockLists row_lists(const Args& a, std::int64_t head) {
  const BlockPatternView& p = a.pattern;
  return {p.row_begin + first_list(a, head), p.key_block, p.row_multiplicity};
}
template <class Args>
BlockLists column_lists(const Args& a, std::int64_t head) {
  const BlockPatternView& p = a.pattern;
  return {p.column_begin + first_list(a, head), p.query_block, p.column_multiplicity};
}

/// Where the first token of a head lies in qkv, for part 0 (queries), 1 (keys) or 2 (values), and
/// in out; in bytes.
template <class Args>
std::int64_t offset_in_qkv(const Plan& plan, const Args& a, std::int64_t head, std::int64_t part) {
  const std::int64_t row = (head / a.heads * a.tokens * 3 + part) * a.heads + head % a.heads;
  return row * a.head_size * plan.element;
}
template <class Args>
std::int64_t offset_in_out(const Plan& plan, const Args& a, std::int64_t head) {
  const std::int64_t row = head / a.heads * a.tokens * a.heads + head % a.heads;
  return row * a.head_size * plan.element;
}
const void* at(const void* memory, std::int64_t bytes) {
  return static_cast<const std::byte*>(memory) + bytes;
}
void* at(void* memory, std::int64_t bytes) { return static_cast<std::byte*>(memory) + bytes; }

AttentionForward forward_head(const Plan& plan, const BlockAttentionArgs& a, std::int64_t head,
                              float* packed) {
  AttentionForward f{};
  f.shape = shape_of(plan, a, head);
  f.scale = static_cast<float>(a.scale);
  f.rows = row_lists(a, head);
  f.q = at(a.qkv, offset_in_qkv(plan, a, head, 0));
  f.k = at(a.qkv, offset_in_qkv(plan, a, head, 1));
  f.v = at(a.qkv, offset_in_qkv(plan, a, head, 2));
  f.packed = packed;
  f.out = at(a.out, offset_in_out(plan, a, head));
  f.log_sum_exp = floats(a.log_sum_exp) + head * a.tokens;
  return f;
}

/// Whole heads are tasks: what a thread packs stays in its cache.
void forward_by_head(const Plan& plan, const BlockAttentionArgs& a) {
  const HeadShape largest = largest_shape(plan, a);
  const std::int64_t packed = round_up(AttentionForward::packed_size(largest), kMostLanes);
  const std::int64_t scratch =
      packed + round_up(AttentionForward::scratch(largest, plan.kernels.strip_rows), kMostLanes);
  const PoolArray memory(plan.context.pool, plan.context.threads * scratch);
  for_each_task(plan.context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    float* mine = memory.data() + thread * scratch;
    const AttentionForward f = forward_head(plan, a, head, mine);
    for (std::int64_t b = 0; b < f.shape.used_blocks(); ++b) plan.kernels.pack(f, b);
    for (std::int64_t b = 0; b < a.pattern.blocks; ++b) {
      plan.kernels.forward(f, b, mine + packed);
    }
  });
}

/// Lists of the heads [first, first + heads), the longest first, so that a block that reads the
/// whole sequence is not the one that everybody waits for. `lists_of` gives a head's.
template <class ListsOf>
std::vector<std::int64_t> longest_first(std::int64_t blocks, std::int64_t heads,
                                        const ListsOf& lists_of) {
  const auto length = [&](std::int64_t task) {
    const std::int32_t* row = lists_of(task / blocks).begin;
    return row[task % blocks + 1] - row[task % blocks];
  };
  std::vector<std::int64_t> tasks(heads * blocks);
  std::iota(tasks.begin(), tasks.end(), 0);
  std::stable_sort(tasks.begin(), tasks.end(),
                   [&](std::int64_t x, std::int64_t y) { return length(x) > length(y); });
  return tasks;
}

/// Calls run(first, heads) for groups of heads with enough blocks for all threads.
template <class Args, class Run>
void for_each_group(const Plan& plan, const Args& a, const Run& run) {
  const std::int64_t all = a.batch * a.heads;
  const std::int64_t group = std::min(all, 16 * plan.context.threads / a.pattern.blocks + 1);
  for (std::int64_t first = 0; first < all; first += group) {
    run(first, std::min(group, all - first));
  }
}

/// Blocks are tasks; some heads at a time, so that their packed keys and values stay near.
void forward_by_block(const Plan& plan, const BlockAttentionArgs& a) {
  const HeadShape largest = largest_shape(plan, a);
  const std::int64_t packed = round_up(AttentionForward::packed_size(largest), kMostLanes);
  const std::int64_t scratch =
      round_up(AttentionForward::scratch(largest, plan.kernels.strip_rows), kMostLanes);
  const std::int64_t blocks = a.pattern.blocks;
  const PoolArray mine(plan.context.pool, plan.context.threads * scratch);
  for_each_group(plan, a, [&](std::int64_t first, std::int64_t heads) {
    const PoolArray shared(plan.context.pool, heads * packed);
    const auto head_of = [&](std::int64_t task) {
      return forward_head(plan, a, first + task / blocks, shared.data() + task / blocks * packed);
    };
    for_each_task(plan.context, heads * blocks, [&](std::int64_t task, int) {
      const AttentionForward f = head_of(task);
      if (task % blocks < f.shape.used_blocks()) plan.kernels.pack(f, task % blocks);
    });
    const std::vector<std::int64_t> order =
        longest_first(blocks, heads, [&](std::int64_t head) { return row_lists(a, first + head); });
    for_each_task(plan.context, heads * blocks, [&](std::int64_t task, int thread) {
      plan.kernels.forward(head_of(order[task]), order[task] % blocks,
                           mine.data() + thread * scratch);
    });
  });
}

AttentionBackward backward_head(const Plan& plan, const BlockAttentionGrad& a, std::int64_t head,
                                float* packed) {
  AttentionBackward b{};
  b.shape = shape_of(plan, a, head);
  b.scale = static_cast<float>(a.scale);
  b.rows = row_lists(a, head);
  b.columns = column_lists(a, head);
  b.q = at(a.qkv, offset_in_qkv(plan, a, head, 0));
  b.k = at(a.qkv, offset_in_qkv(plan, a, head, 1));
  b.v = at(a.qkv, offset_in_qkv(plan, a, head, 2));
  b.out = at(a.out, offset_in_out(plan, a, head));
  b.dout = at(a.dout, offset_in_out(plan, a, head));
  b.log_sum_exp = floats(a.log_sum_exp) + head * a.tokens;
  b.packed = packed;
  b.dq = at(a.dqkv, offset_in_qkv(plan, a, head, 0));
  b.dk = at(a.dqkv, offset_in_qkv(plan, a, head, 1));
  b.dv = at(a.dqkv, offset_in_qkv(plan, a, head, 2));
  return b;
}

void backward_by_head(const Plan& plan, const BlockAttentionGrad& a) {
  const HeadShape largest = largest_shape(plan, a);
  const std::int64_t packed = round_up(AttentionBackward::packed_size(largest), kMostLanes);
  const std::int64_t scratch = round_up(AttentionBackward::scratch(largest), kMostLanes);
  const std::int64_t all = packed + scratch + AttentionBackward::sums(largest);
  const PoolArray memory(plan.context.pool, plan.context.threads * all);
  for_each_task(plan.context, a.batch * a.heads, [&](std::int64_t head, int thread) {
    float* mine = memory.data() + thread * all;
    plan.kernels.head(backward_head(plan, a, head, mine), mine + packed, mine + packed + scratch);
  });
}

/// Blocks of queries and blocks of keys are tasks; some heads at a time.
void backward_by_block(const Plan& plan, const BlockAttentionGrad& a) {
  const HeadShape largest = largest_shape(plan, a);
  const std::int64_t packed = round_up(AttentionBackward::packed_size(largest), kMostLanes);
  const std::int64_t scratch = round_up(AttentionBackward::scratch(largest), kMostLanes);
  const std::int64_t blocks = a.pattern.blocks;
  const PoolArray mine(plan.context.pool, plan.context.threads * scratch);
  for_each_group(plan, a, [&](std::int64_t first, std::int64_t heads) {
    const PoolArray shared(plan.context.pool, heads * packed);
    const auto head_of = [&](std::int64_t task) {
      return backward_head(plan, a, first + task / blocks, shared.data() + task / blocks * packed);
    };
    for_each_task(plan.context, heads * blocks, [&](std::int64_t task, int) {
      const AttentionBackward b = head_of(task);
      if (task % blocks < b.shape.used_blocks()) plan.kernels.pack_backward(b, task % blocks);
    });
    // Columns have four products, rows three.
    const std::vector<std::int64_t> columns = longest_first(
        blocks, heads, [&](std::int64_t head) { return column_lists(a, first + head); });
    const std::vector<std::int64_t> rows =
        longest_first(blocks, heads, [&](std::int64_t head) { return row_lists(a, first + head); });
    for_each_task(plan.context, 2 * heads * blocks, [&](std::int64_t task, int thread) {
      float* scratch_of_thread = mine.data() + thread * scratch;
      const std::int64_t n = (task % 2 == 0 ? columns : rows)[task / 2];
      const auto& run = task % 2 == 0 ? plan.kernels.keys : plan.kernels.queries;
      run(head_of(n), n % blocks, scratch_of_thread);
    });
  });
}

/// Whether five products for each pair, on as many threads as there are heads, take less time than
/// seven on all threads.
bool heads_fill_threads(std::int64_t heads, std::int64_t threads) {
  const std::int64_t rounds = (heads + threads - 1) / threads;
  return 5 * rounds * threads <= 7 * heads;
}

}  // namespace

void block_attention_forward(const Context& context, const BlockAttentionArgs& args,
                             AttentionElements elements) {
  if (args.batch * args.heads * args.tokens * args.head_size == 0) return;
  in_good_blocks(context, args, elements, [](const Plan& plan, const BlockAttentionArgs& a) {
    constexpr std::int64_t kNear = 1 << 16;  // floats of a packed head that a cache holds
    const bool small = AttentionForward::packed_size(largest_shape(plan, a)) <= kNear;
    if (small && a.batch * a.heads >= 2 * plan.context.threads) return forward_by_head(plan, a);
    forward_by_block(plan, a);
  });
}

void block_attention_backward(const Context& context, const BlockAttentionGrad& args,
                              AttentionElements elements) {
  if (args.batch * args.heads * args.tokens * args.head_size == 0) return;
  in_good_blocks(context, args, elements, [](const Plan& plan, const BlockAttentionGrad& a) {
    const bool by_head = heads_fill_threads(a.batch * a.heads, plan.context.threads);
    by_head ? backward_by_head(plan, a) : backward_by_block(plan, a);
  });
}

}  // namespace dnabird::kernels::cpu
