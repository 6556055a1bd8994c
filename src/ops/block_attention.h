// Softmax attention over the key blocks that a pattern lists.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// out (B,T,H,D) of qkv (B,T,3,H,D) with scores scaled by 1/sqrt(D), for lengths (B) i32.
/// Writes log_sum_exp (B,H,T) to `log_sum_exp` if that is not null (backward needs it).
/// Throws std::logic_error if the pattern has another number of heads or blocks than qkv.
core::Tensor block_attention_forward(const core::Tensor& qkv, const core::Tensor& lengths,
                                     const kernels::BlockPatternView& pattern,
                                     core::Tensor* log_sum_exp);

/// What forward read and made.
struct BlockAttentionSaved {
  core::Tensor qkv;          // (B,T,3,H,D)
  core::Tensor out;          // (B,T,H,D)
  core::Tensor log_sum_exp;  // (B,H,T)
};

/// dqkv (B,T,3,H,D) for dout (B,T,H,D).
core::Tensor block_attention_backward(const BlockAttentionSaved& saved, const core::Tensor& lengths,
                                      const kernels::BlockPatternView& pattern,
                                      const core::Tensor& dout);

}  // namespace dnabird::ops
