// Reference of inverted dropout from a counter-based generator.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// y[i] = x[i] / (1 - p) if philox_word(seed, stream, i) >= dropout_threshold(p), else 0.
/// The op is linear, so that the same function is its own backward.
template <class T>
void dropout(const DropoutArgs& args);

}  // namespace dnabird::kernels::reference
