#include "ops/dropout.h"

#include "core/errors.h"
#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_p(const Dropout& dropout) {
  core::require(dropout.p >= 0 && dropout.p < 1,
                "dropout: p is " + std::to_string(dropout.p) + ", expected [0, 1)");
}

}  // namespace

void dropout_forward(const Dropout& dropout, Tensor& x) {
  check_p(dropout);
  check_floats("dropout", {{"x", &x}});
  check_shapes(!x.is_empty(), "dropout", "x is empty", {{"x", &x}});
  kernels_for(x).dropout_forward(
      {x.size(), dropout.p, dropout.seed, dropout.stream, x.data(), x.data()});
}

Tensor dropout_backward(const Dropout& dropout, const Tensor& dy) {
  check_p(dropout);
  check_floats("dropout backward", {{"dy", &dy}});
  check_shapes(!dy.is_empty(), "dropout backward", "dy is empty", {{"dy", &dy}});
  Tensor dx = Tensor::empty(dy.kernels(), dy.shape(), dy.dtype());
  kernels_for(dy).dropout_backward(
      {dy.size(), dropout.p, dropout.seed, dropout.stream, dy.data(), dx.data()});
  return dx;
}

}  // namespace dnabird::ops
