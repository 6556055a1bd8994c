// Layer normalisation of T = float or Bf16 over the last axis (Ba et al. 2016), dropout before it.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

template <class T>
void layer_norm_forward(const Context& context, const LayerNormArgs& args);

/// With x_hat = (x - mean) rstd and g = dy gamma:
/// dx = rstd (g - mean(g) - x_hat mean(g x_hat)); dgamma += sum dy x_hat; dbeta += sum dy
template <class T>
void layer_norm_backward(const Context& context, const LayerNormGrad& args);

}  // namespace dnabird::kernels::cpu
