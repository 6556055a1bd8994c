#include "ops/layer_norm.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  check_floats("layer_norm", {{"x", &x}});
  check_parameters("layer_norm", {{"gamma", &gamma}, {"beta", &beta}});
  check_shapes(!x.is_empty() && gamma.size() == x.dim(-1) && beta.size() == x.dim(-1), "layer_norm",
               "x (...,C) needs gamma (C) and beta (C)",
               {{"x", &x}, {"gamma", &gamma}, {"beta", &beta}});
}

void check_backward(const Tensor& x, const Tensor& gamma, const LayerNormSaved& saved,
                    const Tensor& dy, const Tensor& dgamma, const Tensor& dbeta) {
  check_floats("layer_norm backward", {{"x", &x}, {"dy", &dy}});
  check_parameters("layer_norm backward", {{"gamma", &gamma},
                                           {"dgamma", &dgamma},
                                           {"dbeta", &dbeta},
                                           {"mean", &saved.mean},
                                           {"rstd", &saved.rstd}});
  check_shapes(!x.is_empty() && dy.size() == x.size() && gamma.size() == x.dim(-1) &&
                   dgamma.size() == gamma.size() && dbeta.size() == gamma.size(),
               "layer_norm backward", "x and dy (...,C) need gamma, dgamma and dbeta (C)",
               {{"x", &x}, {"dy", &dy}, {"gamma", &gamma}, {"dgamma", &dgamma}, {"dbeta", &dbeta}});
  const std::int64_t rows = row_count(x);
  check_shapes(saved.mean.size() == rows && saved.rstd.size() == rows, "layer_norm backward",
               "statistics are of another x", {{"x", &x}, {"mean", &saved.mean}});
}

LayerNormSaved statistics_for(const Tensor& x) {
  const core::DType dtype = x.kernels().parameter_dtype();
  return {Tensor::empty(x.kernels(), {row_count(x)}, dtype),
          Tensor::empty(x.kernels(), {row_count(x)}, dtype)};
}

}  // namespace

Tensor layer_norm_forward(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                          LayerNormSaved* saved) {
  check_norm(x, gamma, beta);
  LayerNormSaved statistics = statistics_for(x);
  Tensor y = Tensor::empty(x.kernels(), x.shape(), x.dtype());
  kernels_for(x).layer_norm_forward({row_count(x), x.dim(-1), epsilon, x.data(), gamma.data(),
                                     beta.data(), y.data(), statistics.mean.data(),
                                     statistics.rstd.data()});
  if (saved != nullptr) *saved = statistics;
  return y;
}

Tensor layer_norm_backward(const Tensor& x, const Tensor& gamma, const LayerNormSaved& saved,
                           const Tensor& dy, Tensor dgamma, Tensor dbeta) {
  check_backward(x, gamma, saved, dy, dgamma, dbeta);
  Tensor dx = Tensor::empty(x.kernels(), x.shape(), x.dtype());
  kernels_for(x).layer_norm_backward({row_count(x), x.dim(-1), x.data(), gamma.data(),
                                      saved.mean.data(), saved.rstd.data(), dy.data(), dx.data(),
                                      dgamma.data(), dbeta.data()});
  return dx;
}

Tensor residual_norm_forward(const ResidualNorm& norm, Tensor& x, const Tensor& residual,
                             LayerNormSaved* saved) {
  check_norm(x, norm.gamma, norm.beta);
  check_floats("layer_norm", {{"x", &x}, {"residual", &residual}});
  check_shapes(residual.size() == x.size(), "layer_norm", "x and residual differ",
               {{"x", &x}, {"residual", &residual}});
  LayerNormSaved statistics = statistics_for(x);
  Tensor y = saved ? Tensor::empty(x.kernels(), x.shape(), x.dtype()) : x;
  kernels_for(x).layer_norm_forward(
      {row_count(x), x.dim(-1), norm.epsilon, x.data(), norm.gamma.data(), norm.beta.data(),
       y.data(), statistics.mean.data(), statistics.rstd.data(), residual.data(),
       saved ? x.data() : nullptr, draws_of(norm.dropout, "layer_norm")});
  if (saved != nullptr) *saved = statistics;
  return y;
}

ResidualNormGradients residual_norm_backward(const ResidualNorm& norm, const Tensor& s,
                                             const LayerNormSaved& saved, const Tensor& dy,
                                             Tensor dgamma, Tensor dbeta) {
  check_backward(s, norm.gamma, saved, dy, dgamma, dbeta);
  const kernels::DropoutDraws draws = draws_of(norm.dropout, "layer_norm backward");
  const Tensor dresidual = Tensor::empty(s.kernels(), s.shape(), s.dtype());
  ResidualNormGradients gradients{dresidual, dresidual};
  if (draws.p > 0) gradients.dx = Tensor::empty(s.kernels(), s.shape(), s.dtype());
  kernels_for(s).layer_norm_backward({row_count(s), s.dim(-1), s.data(), norm.gamma.data(),
                                      saved.mean.data(), saved.rstd.data(), dy.data(),
                                      gradients.dresidual.data(), dgamma.data(), dbeta.data(),
                                      draws.p > 0 ? gradients.dx.data() : nullptr, draws});
  return gradients;
}

}  // namespace dnabird::ops
