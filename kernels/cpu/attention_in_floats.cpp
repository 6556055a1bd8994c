#include "kernels/cpu/attention_in_floats.h"

#include "kernels/cpu/block_attention.h"

namespace dnabird::kernels::cpu {

namespace {

/// An array of Bf16 as floats, for a scope.
class Widened {
 public:
  Widened(const Context& context, std::int64_t n, const void* from) : floats_(context.pool, n) {
    for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) floats_.data()[i] = to_float(as<Bf16>(from)[i]);
    });
  }
  const float* data() const { return floats_.data(); }

 private:
  PoolArray floats_;
};

void round(const Context& context, std::int64_t n, const float* from, void* to) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) assign(as<Bf16>(to)[i], from[i]);
  });
}

}  // namespace

void block_attention_forward_in_floats(const Context& context, const BlockAttentionArgs& args) {
  BlockAttentionArgs a = args;
  const std::int64_t n = a.batch * a.tokens * a.heads * a.head_size;
  const Widened qkv(context, 3 * n, args.qkv);
  const PoolArray out(context.pool, n);
  a.qkv = qkv.data();
  a.out = out.data();
  block_attention_forward(context, a);
  round(context, n, out.data(), args.out);
}

void block_attention_backward_in_floats(const Context& context, const BlockAttentionGrad& args) {
  BlockAttentionGrad a = args;
  const std::int64_t n = a.batch * a.tokens * a.heads * a.head_size;
  const Widened qkv(context, 3 * n, args.qkv), out(context, n, args.out),
      dout(context, n, args.dout);
  const PoolArray dqkv(context.pool, 3 * n);
  a.qkv = qkv.data();
  a.out = out.data();
  a.dout = dout.data();
  a.dqkv = dqkv.data();
  block_attention_backward(context, a);
  round(context, 3 * n, dqkv.data(), args.dqkv);
}

}  // namespace dnabird::kernels::cpu
