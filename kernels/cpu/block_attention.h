// Block attention: which head and block goes to which task; the tile loops are in simd/.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

void block_attention_forward(const Context& context, const BlockAttentionArgs& args);
void block_attention_backward(const Context& context, const BlockAttentionGrad& args);

}  // namespace dnabird::kernels::cpu
