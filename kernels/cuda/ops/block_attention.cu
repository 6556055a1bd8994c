#include "kernels/cuda/ops/block_attention.h"

#include <initializer_list>
#include <memory>
#include <type_traits>

#include "kernels/bf16.h"
#include "kernels/cuda/attention/launch.h"
#include "kernels/cuda/runtime/pattern_schedules.h"

namespace dnabird::kernels::cuda {

namespace {

/// The kernels that take a call, and what they read of its pattern.
struct Plan {
  ElementType type;
  AttentionKernels kernels;
  std::shared_ptr<const AttentionSchedules> schedules;
};

/// `arrays` are those that kernels for tiles copy 16 bytes at a time. Args is BlockAttentionArgs or
/// BlockAttentionGrad.
template <class T, class Args>
Plan plan_of(const Context& context, const Args& args, std::initializer_list<const void*> arrays) {
  bool aligned = true;
  for (const void* array : arrays) {
    aligned = aligned && reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
  }
  const ElementType type = std::is_same_v<T, float> ? ElementType::f32 : ElementType::bf16;
  const AttentionKernels kernels =
      choose_attention_kernels({type, args.pattern.block_size, args.head_size, args.scale, aligned},
                               tile_kernels(context.schedules.asked(), context.capability));
  return {type, kernels, context.schedules.get(context, args.pattern, kernels)};
}

/// What forward and backward have in common.
template <class Args>
AttentionView view_of(const Args& args, const Plan& plan) {
  const bool tiles = plan.kernels != AttentionKernels::plain;
  AttentionView a{};
  a.batch = static_cast<std::int32_t>(args.batch);
  a.tokens = static_cast<std::int32_t>(args.tokens);
  a.heads = static_cast<std::int32_t>(args.heads);
  a.block_size = tiles ? kBlock : static_cast<std::int32_t>(args.pattern.block_size);
  a.head_size = static_cast<std::int32_t>(args.head_size);
  a.scale = static_cast<float>(args.scale);
  a.schedule = plan.schedules->rows();
  a.lengths = args.lengths;
  a.qkv = args.qkv;
  return a;
}

template <class Args>
bool is_empty(const Args& args) {
  return args.batch * args.tokens * args.heads * args.head_size == 0;
}

void run_pass(const Context& context, AttentionPass pass, const Plan& plan, AttentionView a) {
  const PoolArray partials(context.pool, static_cast<std::size_t>(partial_floats(pass, a)));
  a.partials = partials.data();
  switch (plan.kernels) {
    case AttentionKernels::plain:
      return launch_attention_plain(pass, plan.type, a, context.stream);
    case AttentionKernels::mma:
      return launch_attention_mma(pass, a.head_size, a, context.stream);
    case AttentionKernels::wgmma:
      return launch_attention_wgmma(pass, a.head_size, a, context.stream);
  }
}

}  // namespace

template <class T>
void block_attention_forward(const Context& context, const BlockAttentionArgs& args) {
  if (is_empty(args)) return;
  const Plan plan = plan_of<T>(context, args, {args.qkv, args.out});
  AttentionView a = view_of(args, plan);
  a.out = args.out;
  a.log_sum_exp = floats(args.log_sum_exp);
  run_pass(context, AttentionPass::forward, plan, a);
}

template <class T>
void block_attention_backward(const Context& context, const BlockAttentionGrad& args) {
  if (is_empty(args)) return;
  const Plan plan = plan_of<T>(context, args, {args.qkv, args.out, args.dout, args.dqkv});
  AttentionView a = view_of(args, plan);
  const PoolArray delta(context.pool,
                        static_cast<std::size_t>(args.batch * args.heads * args.tokens));
  // Backward only reads these two.
  a.out = const_cast<void*>(args.out);
  a.log_sum_exp = floats(const_cast<void*>(args.log_sum_exp));
  a.dout = args.dout;
  a.delta = delta.data();
  a.dqkv = args.dqkv;
  run_pass(context, AttentionPass::query_gradient, plan, a);
  a.schedule = plan.schedules->columns();
  run_pass(context, AttentionPass::key_gradient, plan, a);
}

template void block_attention_forward<float>(const Context&, const BlockAttentionArgs&);
template void block_attention_forward<Bf16>(const Context&, const BlockAttentionArgs&);
template void block_attention_backward<float>(const Context&, const BlockAttentionGrad&);
template void block_attention_backward<Bf16>(const Context&, const BlockAttentionGrad&);

}  // namespace dnabird::kernels::cuda
