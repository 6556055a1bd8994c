// Block attention on bf16 through the kernels for floats: what it reads is widened, what it writes
// is rounded.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// qkv and out hold Bf16
void block_attention_forward_in_floats(const Context& context, const BlockAttentionArgs& args);
/// qkv, out, dout and dqkv hold Bf16
void block_attention_backward_in_floats(const Context& context, const BlockAttentionGrad& args);

}  // namespace dnabird::kernels::cpu
