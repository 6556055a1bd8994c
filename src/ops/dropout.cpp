#include "ops/dropout.h"

#include "core/errors.h"
#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

kernels::DropoutDraws draws_of(const Dropout& dropout, const char* op) {
  core::require(
      dropout.p >= 0 && dropout.p < 1,
      std::string(op) + ": p of dropout is " + std::to_string(dropout.p) + ", expected [0, 1)");
  const Tensor& step = dropout.step;
  if (step.is_empty()) return {dropout.p, dropout.seed, dropout.stream};
  check_ints(op, {{"step", &step}});
  check_shapes(step.size() == 2, op, "expected a step (2)", {{"step", &step}});
  return {dropout.p, dropout.seed, dropout.stream, static_cast<const std::uint64_t*>(step.data())};
}

void dropout_forward(const Dropout& dropout, Tensor& x) {
  const kernels::DropoutDraws draws = draws_of(dropout, "dropout");
  check_floats("dropout", {{"x", &x}});
  check_shapes(!x.is_empty(), "dropout", "x is empty", {{"x", &x}});
  kernels_for(x).dropout_forward({x.size(), draws, x.data(), x.data()});
}

Tensor dropout_backward(const Dropout& dropout, const Tensor& dy) {
  const kernels::DropoutDraws draws = draws_of(dropout, "dropout backward");
  check_floats("dropout backward", {{"dy", &dy}});
  check_shapes(!dy.is_empty(), "dropout backward", "dy is empty", {{"dy", &dy}});
  Tensor dx = Tensor::empty(dy.kernels(), dy.shape(), dy.dtype());
  kernels_for(dy).dropout_backward({dy.size(), draws, dy.data(), dx.data()});
  return dx;
}

}  // namespace dnabird::ops
