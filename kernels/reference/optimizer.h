// Reference of the optimizer's update and of the sums that clipping and reporting need.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// With g = gradient * clip_scale(clip, gradient_squares): m = beta1 m + (1 - beta1) g; v = beta2 v
/// + (1 - beta2) g^2; m_hat = m / (1 - beta1^step); v_hat = v / (1 - beta2^step); w -=
/// learning_rate * (m_hat / (sqrt(v_hat) + epsilon) + weight_decay * w), without the decay in every
/// second span. Nothing happens if clip_scale is not a number. Source: Loshchilov & Hutter 2019,
/// algorithm 2.
template <class T>
void adamw(const AdamWArgs& args);

/// sum_i x[i], in double and in order.
template <class T>
void sum(std::int64_t n, const void* x, double* total);

/// sum_i x[i]^2, in double and in order.
template <class T>
void sum_of_squares(std::int64_t n, const void* x, double* total);

}  // namespace dnabird::kernels::reference
