// Normalisation over the last axis, and of a sum with a residual.
#pragma once

#include "core/tensor.h"
#include "ops/dropout.h"

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

/// Returns dx (...,C) and adds to dgamma and dbeta (C).
core::Tensor layer_norm_backward(const core::Tensor& x, const core::Tensor& gamma,
                                 const LayerNormSaved& saved, const core::Tensor& dy,
                                 core::Tensor dgamma, core::Tensor dbeta);

/// The norm of drop(x) + residual.
struct ResidualNorm {
  core::Tensor gamma, beta;  // (C)
  double epsilon;
  Dropout dropout = {};  // of x; p = 0: x is not dropped
};

/// Layer norm of s = drop(x) + residual, all (...,C). The buffer of x is used up: afterwards x
/// holds s, which backward asks for, if `saved` is not null, and else shares y's buffer.
core::Tensor residual_norm_forward(const ResidualNorm& norm, core::Tensor& x,
                                   const core::Tensor& residual, LayerNormSaved* saved);

struct ResidualNormGradients {
  core::Tensor dx;         // (...,C); the buffer of dresidual where x was not dropped
  core::Tensor dresidual;  // (...,C), that of s
};
/// Of s (...,C); adds to dgamma and dbeta (C).
ResidualNormGradients residual_norm_backward(const ResidualNorm& norm, const core::Tensor& s,
                                             const LayerNormSaved& saved, const core::Tensor& dy,
                                             core::Tensor dgamma, core::Tensor dbeta);

}  // namespace dnabird::ops
