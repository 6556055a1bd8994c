// Losses per element, and their gradients. Sums and means are the caller's: `scale` in backward is
// d(total)/d(one loss).
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// losses (R) = -weight[label] * log softmax(logits (R,K))[label]; 0 where labels (R) i32 are
/// negative. class_weights (K) may be empty. `log_sum_exp` (R) is for backward, or null.
/// The caller ensures labels < K. Throws std::logic_error if the shapes do not fit.
core::Tensor cross_entropy_forward(const core::Tensor& logits, const core::Tensor& labels,
                                   const core::Tensor& class_weights, core::Tensor* log_sum_exp);

/// dlogits (R,K).
core::Tensor cross_entropy_backward(const core::Tensor& logits, const core::Tensor& labels,
                                    const core::Tensor& class_weights,
                                    const core::Tensor& log_sum_exp,
                                    const kernels::LossScale& scale);

/// losses (R,K) of logits against truth (R,K) in [0,1]; a NaN truth is missing: loss 0.
/// positive_weights (K) may be empty.
core::Tensor binary_cross_entropy_forward(const core::Tensor& logits, const core::Tensor& truth,
                                          const core::Tensor& positive_weights);
core::Tensor binary_cross_entropy_backward(const core::Tensor& logits, const core::Tensor& truth,
                                           const core::Tensor& positive_weights,
                                           const kernels::LossScale& scale);

/// losses (R,K) = weight[k] * (prediction - truth)^2; a NaN truth is missing: loss 0.
/// target_weights (K) may be empty.
core::Tensor squared_error_forward(const core::Tensor& predictions, const core::Tensor& truth,
                                   const core::Tensor& target_weights);
core::Tensor squared_error_backward(const core::Tensor& predictions, const core::Tensor& truth,
                                    const core::Tensor& target_weights,
                                    const kernels::LossScale& scale);

}  // namespace dnabird::ops
