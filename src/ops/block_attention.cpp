#include "ops/block_attention.h"

#include <cmath>

#include "core/errors.h"
#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_inputs(const char* op, const Tensor& qkv, const Tensor& lengths,
                  const kernels::BlockPatternView& pattern) {
  check_floats(op, {{"qkv", &qkv}});
  check_ints(op, {{"lengths", &lengths}});
  check_shapes(qkv.shape().size() == 5 && qkv.dim(2) == 3 && lengths.size() == qkv.dim(0), op,
               "qkv (B,T,3,H,D) does not fit lengths (B)", {{"qkv", &qkv}, {"lengths", &lengths}});
  const std::int64_t blocks = (qkv.dim(1) + pattern.block_size - 1) / pattern.block_size;
  core::require((pattern.heads == 1 || pattern.heads == qkv.dim(3)) && pattern.blocks == blocks,
                std::string(op) + ": qkv " + core::to_string(qkv.shape()) + " has " +
                    std::to_string(blocks) + " blocks of " + std::to_string(pattern.block_size) +
                    ", the pattern " + std::to_string(pattern.heads) + " heads and " +
                    std::to_string(pattern.blocks) + " blocks");
}

double score_scale(const Tensor& qkv) { return 1.0 / std::sqrt(static_cast<double>(qkv.dim(4))); }

}  // namespace

Tensor block_attention_forward(const Tensor& qkv, const Tensor& lengths,
                               const kernels::BlockPatternView& pattern, Tensor* log_sum_exp) {
  check_inputs("block_attention", qkv, lengths, pattern);
  const std::int64_t batch = qkv.dim(0), tokens = qkv.dim(1), heads = qkv.dim(3),
                     head_size = qkv.dim(4);
  Tensor out = Tensor::empty(qkv.kernels(), {batch, tokens, heads, head_size}, qkv.dtype());
  Tensor lse =
      Tensor::empty(qkv.kernels(), {batch, heads, tokens}, qkv.kernels().parameter_dtype());
  kernels_for(qkv).block_attention_forward({batch, tokens, heads, head_size, score_scale(qkv),
                                            pattern, lengths.ints(), qkv.data(), out.data(),
                                            lse.data()});
  if (log_sum_exp != nullptr) *log_sum_exp = lse;
  return out;
}

Tensor block_attention_backward(const BlockAttentionSaved& saved, const Tensor& lengths,
                                const kernels::BlockPatternView& pattern, const Tensor& dout) {
  const Tensor& qkv = saved.qkv;
  check_inputs("block_attention backward", qkv, lengths, pattern);
  check_floats("block_attention backward", {{"qkv", &qkv}, {"out", &saved.out}, {"dout", &dout}});
  check_parameters("block_attention backward", {{"log_sum_exp", &saved.log_sum_exp}});
  check_shapes(
      saved.out.size() * 3 == qkv.size() && dout.size() == saved.out.size() &&
          saved.log_sum_exp.size() * qkv.dim(4) == saved.out.size(),
      "block_attention backward", "qkv, out, log_sum_exp and dout do not fit",
      {{"qkv", &qkv}, {"out", &saved.out}, {"log_sum_exp", &saved.log_sum_exp}, {"dout", &dout}});
  Tensor dqkv = Tensor::empty(qkv.kernels(), qkv.shape(), qkv.dtype());
  kernels_for(qkv).block_attention_backward(
      {qkv.dim(0), qkv.dim(1), qkv.dim(3), qkv.dim(4), score_scale(qkv), pattern, lengths.ints(),
       qkv.data(), saved.out.data(), saved.log_sum_exp.data(), dout.data(), dqkv.data()});
  return dqkv;
}

}  // namespace dnabird::ops
