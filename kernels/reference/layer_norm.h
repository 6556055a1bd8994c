// Reference of layer normalisation over the last axis. Source: Ba et al. 2016.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// s = drop(x) + residual; mean = sum(s)/C; rstd = 1/sqrt(sum((s - mean)^2)/C + epsilon);
/// y = (s - mean) * rstd * gamma + beta
template <class T>
void layer_norm_forward(const LayerNormArgs& args);

/// With x_hat = (x - mean) * rstd and g = dy * gamma:
/// dx = rstd * (g - mean(g) - x_hat * mean(g * x_hat)); ddropped = drop(dx);
/// dgamma += dy * x_hat; dbeta += dy.
template <class T>
void layer_norm_backward(const LayerNormGrad& args);

}  // namespace dnabird::kernels::reference
