// Reference of the losses: softmax cross-entropy, binary cross-entropy, squared error.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// log_sum_exp = log sum_k exp(x[k]); loss = weight[label] * (log_sum_exp - x[label]), 0 where
/// label < 0.
template <class T>
void cross_entropy_forward(const CrossEntropyArgs& args);

/// dx[k] = scale * weight[label] * (exp(x[k] - log_sum_exp) - (k == label)), 0 where label < 0.
template <class T>
void cross_entropy_backward(const CrossEntropyGrad& args);

/// loss = weight[k] * y * softplus(-x) + (1 - y) * softplus(x), 0 where y is NaN; this is
/// -(w y log(sigmoid(x)) + (1 - y) log(1 - sigmoid(x))) in a form that does not overflow.
template <class T>
void binary_cross_entropy_forward(const ElementLossArgs& args);

/// dx = scale * ((1 - y) * sigmoid(x) - weight[k] * y * sigmoid(-x)), 0 where y is NaN.
template <class T>
void binary_cross_entropy_backward(const ElementLossGrad& args);

/// loss = weight[k] * (x - y)^2, 0 where y is NaN.
template <class T>
void squared_error_forward(const ElementLossArgs& args);

/// dx = scale * weight[k] * 2 (x - y), 0 where y is NaN.
template <class T>
void squared_error_backward(const ElementLossGrad& args);

}  // namespace dnabird::kernels::reference
