// Inverted dropout of T = float or Bf16 from Philox words: linear, so that backward is forward on
// dy.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y[i] = x[i] / (1 - p) where word i of the stream is at or above the threshold, else 0
template <class T>
void dropout(const Context& context, const DropoutArgs& args);

}  // namespace dnabird::kernels::cuda
