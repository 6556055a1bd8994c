// Inverted dropout of T = float or Bf16 from Philox words: linear, so that backward is forward on
// dy.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// The same draws without a step: what the loops of a tier take.
DropoutDraws with_stream(const DropoutDraws& draws);

/// y[i] = x[i] / (1 - p) where word i of the stream is at or above the threshold, else 0
template <class T>
void dropout(const Context& context, const DropoutArgs& args);

}  // namespace dnabird::kernels::cpu
