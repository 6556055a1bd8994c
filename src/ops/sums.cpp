#include "ops/sums.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

Tensor total_of(const char* op, const Tensor& x) {
  check_shapes(!x.is_empty(), op, "nothing to add up", {{"x", &x}});
  check_parameters(op, {{"x", &x}});
  return Tensor::empty(x.kernels(), {1}, core::DType::f64);
}

}  // namespace

Tensor sum(const Tensor& x) {
  Tensor total = total_of("sum", x);
  x.kernels().sum(x.size(), x.data(), static_cast<double*>(total.data()));
  return total;
}

Tensor sum_of_squares(const Tensor& x) {
  Tensor total = total_of("sum of squares", x);
  x.kernels().sum_of_squares(x.size(), x.data(), static_cast<double*>(total.data()));
  return total;
}

}  // namespace dnabird::ops
