// Block attention: which head and block goes to which task; the tile loops are in simd/.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// Elements of qkv, out and their gradients. Scores, sums and log_sum_exp are f32 in both; with
/// bf16, a tier that multiplies pairs of bf16 rounds probabilities and their gradients too.
enum class AttentionElements { f32, bf16 };

void block_attention_forward(const Context& context, const BlockAttentionArgs& args,
                             AttentionElements elements);
void block_attention_backward(const Context& context, const BlockAttentionGrad& args,
                              AttentionElements elements);

}  // namespace dnabird::kernels::cpu
