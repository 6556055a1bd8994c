#include "ops/linear.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

/// y (...,out) for x (...,in), uninitialised.
Tensor output_for(const Tensor& x, const Tensor& w, const Tensor& bias) {
  check_floats("linear", {{"x", &x}});
  check_parameters("linear", {{"w", &w}, {"bias", &bias}});
  check_shapes(!x.is_empty() && w.shape().size() == 2 && x.dim(-1) == w.dim(1), "linear",
               "x (...,in) does not fit w (out,in)", {{"x", &x}, {"w", &w}});
  check_shapes(bias.is_empty() || bias.size() == w.dim(0), "linear",
               "bias (out) does not fit w (out,in)", {{"bias", &bias}, {"w", &w}});
  core::Shape shape = x.shape();
  shape.back() = w.dim(0);
  return Tensor::empty(x.kernels(), shape, x.dtype());
}

void check_backward(const Tensor& x, const Tensor& w, const Tensor& dy, const Tensor& dw,
                    const Tensor& dbias) {
  check_floats("linear backward", {{"x", &x}, {"dy", &dy}});
  check_parameters("linear backward", {{"w", &w}, {"dw", &dw}, {"dbias", &dbias}});
  check_shapes(!x.is_empty() && w.shape().size() == 2 && x.dim(-1) == w.dim(1) &&
                   row_count(x) == row_count(dy) && dy.dim(-1) == w.dim(0),
               "linear backward", "x (...,in), w (out,in) and dy (...,out) do not fit",
               {{"x", &x}, {"w", &w}, {"dy", &dy}});
  check_shapes(dw.is_empty() || dw.size() == w.size(), "linear backward", "dw does not fit w",
               {{"dw", &dw}, {"w", &w}});
  check_shapes(dbias.is_empty() || dbias.size() == w.dim(0), "linear backward",
               "dbias (out) does not fit w (out,in)", {{"dbias", &dbias}, {"w", &w}});
}

kernels::LinearGrad backward_args(const Tensor& x, const Tensor& w, const Tensor& dy, Tensor& dw,
                                  Tensor& dbias, Tensor& dx) {
  return {.rows = row_count(x),
          .in = w.dim(1),
          .out = w.dim(0),
          .x = x.data(),
          .w = w.data(),
          .dy = dy.data(),
          .dx = dx.data(),
          .dw = data_or_null(dw),
          .dbias = data_or_null(dbias)};
}

}  // namespace

Tensor linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias) {
  Tensor y = output_for(x, w, bias);
  kernels_for(x).linear_forward(
      {row_count(x), w.dim(1), w.dim(0), x.data(), w.data(), data_or_null(bias), y.data()});
  return y;
}

Tensor linear_gelu_forward(const Tensor& x, const Tensor& w, const Tensor& bias, kernels::Gelu gelu,
                           Tensor* before_gelu) {
  Tensor y = output_for(x, w, bias);
  if (before_gelu != nullptr) *before_gelu = Tensor::empty(x.kernels(), y.shape(), x.dtype());
  kernels_for(x).linear_forward({row_count(x), w.dim(1), w.dim(0), x.data(), w.data(),
                                 data_or_null(bias), y.data(), gelu,
                                 before_gelu ? before_gelu->data() : nullptr});
  return y;
}

Tensor linear_backward(const Tensor& x, const Tensor& w, const Tensor& dy, Tensor dw,
                       Tensor dbias) {
  check_backward(x, w, dy, dw, dbias);
  Tensor dx = Tensor::empty(x.kernels(), x.shape(), x.dtype());
  kernels_for(x).linear_backward(backward_args(x, w, dy, dw, dbias, dx));
  return dx;
}

Tensor linear_backward_through_gelu(const GeluOutput& x, const Tensor& w, const Tensor& dy,
                                    Tensor dw, Tensor dbias) {
  check_backward(x.value, w, dy, dw, dbias);
  check_floats("linear backward", {{"x", &x.value}, {"before", &x.before}});
  check_shapes(x.before.size() == x.value.size(), "linear backward",
               "what gelu was taken of does not fit x", {{"before", &x.before}, {"x", &x.value}});
  Tensor dbefore = Tensor::empty(x.value.kernels(), x.value.shape(), x.value.dtype());
  kernels::LinearGrad args = backward_args(x.value, w, dy, dw, dbias, dbefore);
  args.gelu_of_x = x.gelu;
  args.before_gelu = x.before.data();
  kernels_for(x.value).linear_backward(args);
  return dbefore;
}

void linear_backward_add(const Tensor& x, const Tensor& w, const Tensor& dy, Tensor dw,
                         Tensor dbias, Tensor& dx) {
  check_backward(x, w, dy, dw, dbias);
  check_floats("linear backward", {{"x", &x}, {"dx", &dx}});
  check_shapes(dx.size() == x.size(), "linear backward", "dx does not fit x",
               {{"dx", &dx}, {"x", &x}});
  kernels::LinearGrad args = backward_args(x, w, dy, dw, dbias, dx);
  args.dx_start = dx.data();
  kernels_for(x).linear_backward(args);
}

}  // namespace dnabird::ops
