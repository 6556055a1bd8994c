#include "ops/linear.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

Tensor linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias) {
  check_floats("linear", {{"x", &x}, {"w", &w}, {"bias", &bias}});
  check_shapes(!x.is_empty() && w.shape().size() == 2 && x.dim(-1) == w.dim(1), "linear",
               "x (...,in) does not fit w (out,in)", {{"x", &x}, {"w", &w}});
  check_shapes(bias.is_empty() || bias.size() == w.dim(0), "linear",
               "bias (out) does not fit w (out,in)", {{"bias", &bias}, {"w", &w}});
  core::Shape shape = x.shape();
  shape.back() = w.dim(0);
  Tensor y = Tensor::empty(x.kernels(), shape);
  x.kernels().linear_forward(
      {row_count(x), w.dim(1), w.dim(0), x.data(), w.data(), data_or_null(bias), y.data()});
  return y;
}

Tensor linear_backward(const Tensor& x, const Tensor& w, const Tensor& dy, Tensor dw,
                       Tensor dbias) {
  check_floats("linear backward",
               {{"x", &x}, {"w", &w}, {"dy", &dy}, {"dw", &dw}, {"dbias", &dbias}});
  check_shapes(!x.is_empty() && w.shape().size() == 2 && x.dim(-1) == w.dim(1) &&
                   row_count(x) == row_count(dy) && dy.dim(-1) == w.dim(0),
               "linear backward", "x (...,in), w (out,in) and dy (...,out) do not fit",
               {{"x", &x}, {"w", &w}, {"dy", &dy}});
  check_shapes(dw.is_empty() || dw.size() == w.size(), "linear backward", "dw does not fit w",
               {{"dw", &dw}, {"w", &w}});
  check_shapes(dbias.is_empty() || dbias.size() == w.dim(0), "linear backward",
               "dbias (out) does not fit w (out,in)", {{"dbias", &dbias}, {"w", &w}});
  Tensor dx = Tensor::empty(x.kernels(), x.shape());
  x.kernels().linear_backward({row_count(x), w.dim(1), w.dim(0), x.data(), w.data(), dy.data(),
                               dx.data(), data_or_null(dw), data_or_null(dbias)});
  return dx;
}

}  // namespace dnabird::ops
