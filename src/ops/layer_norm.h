// Normalisation over the last axis.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// What backward needs beside x: the statistics of each row.
struct LayerNormSaved {
  core::Tensor mean;  // (rows)
  core::Tensor rstd;  // (rows)
};

/// y (...,C) = (x - mean) / sqrt(variance + epsilon) * gamma (C) + beta (C).
/// `saved` may be null (inference). Throws std::logic_error if the shapes do not fit.
core::Tensor layer_norm_forward(const core::Tensor& x, const core::Tensor& gamma,
                                const core::Tensor& beta, double epsilon, LayerNormSaved* saved);

/// The same of x + residual, both (...,C). The buffer of x is used up: afterwards x holds
/// x + residual, the x of backward, if `saved` is not null, and else shares y's buffer.
core::Tensor residual_norm_forward(core::Tensor& x, const core::Tensor& residual,
                                   const core::Tensor& gamma, const core::Tensor& beta,
                                   double epsilon, LayerNormSaved* saved);

/// Returns dx (...,C) and adds to dgamma and dbeta (C).
core::Tensor layer_norm_backward(const core::Tensor& x, const core::Tensor& gamma,
                                 const LayerNormSaved& saved, const core::Tensor& dy,
                                 core::Tensor dgamma, core::Tensor dbeta);

}  // namespace dnabird::ops
