// Block attention on a device, from the arguments of the kernel set to launches.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// T is the type of activations, float or Bf16. Heads to 128 (std::invalid_argument beyond), any
/// block; bf16 in blocks of 16, 32 or 64 with heads of 32, 64 or 128 is fast. Throws what
/// compile_schedule throws of a pattern. The schedule of a pattern without id is compiled and
/// copied for the call.
template <class T>
void block_attention_forward(const Context& context, const BlockAttentionArgs& args);
template <class T>
void block_attention_backward(const Context& context, const BlockAttentionGrad& args);

}  // namespace dnabird::kernels::cuda
