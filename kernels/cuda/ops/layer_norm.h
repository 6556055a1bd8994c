// Layer normalisation of T = float or Bf16 over the last axis (Ba et al. 2016), dropout and the
// residual before it.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

template <class T>
void layer_norm_forward(const Context& context, const LayerNormArgs& args);

/// With x_hat = (x - mean) rstd and g = dy gamma:
/// dx = rstd (g - mean(g) - x_hat mean(g x_hat)); ddropped = drop(dx);
/// dgamma += sum dy x_hat; dbeta += sum dy
template <class T>
void layer_norm_backward(const Context& context, const LayerNormGrad& args);

}  // namespace dnabird::kernels::cuda
