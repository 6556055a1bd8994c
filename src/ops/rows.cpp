#include "ops/rows.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_rows(const char* op, const Tensor& x, const Tensor& index) {
  check_floats(op, {{"x", &x}});
  check_ints(op, {{"index", &index}});
  check_shapes(!x.is_empty() && index.shape().size() == 1 && !index.is_empty(), op,
               "x (...,C) needs index (M), M > 0", {{"x", &x}, {"index", &index}});
}

}  // namespace

Tensor copy_rows(const Tensor& x, const Tensor& index) {
  check_rows("copy_rows", x, index);
  Tensor y = Tensor::empty(x.kernels(), {index.size(), x.dim(-1)}, x.dtype());
  const auto bytes = static_cast<std::int64_t>(kernels::size_of(x.dtype()));
  x.kernels().copy_rows(index.size(), x.dim(-1) * bytes, index.ints(), x.data(), y.data());
  return y;
}

Tensor spread_rows(const Tensor& x, const Tensor& place) {
  check_rows("spread_rows", x, place);
  const std::int64_t channels = x.dim(-1);
  Tensor rows = Tensor::empty(x.kernels(), {row_count(x) + 1, channels}, x.dtype());
  rows.view(0, x.shape()).copy_from(x);
  rows.view(x.size(), {channels}).zero();
  return copy_rows(rows, place);
}

Tensor gather_rows(const Tensor& x, const Tensor& index) {
  check_rows("gather_rows", x, index);
  Tensor y = Tensor::empty(x.kernels(), {index.size(), x.dim(-1)}, x.kernels().parameter_dtype());
  kernels_for(x).gather_rows(index.size(), x.dim(-1), index.ints(), x.data(), y.data());
  return y;
}

void scatter_add_rows(const Tensor& dy, const Tensor& index, Tensor& dx) {
  check_floats("scatter_add_rows", {{"dx", &dx}});
  check_parameters("scatter_add_rows", {{"dy", &dy}});
  check_ints("scatter_add_rows", {{"index", &index}});
  check_shapes(
      !dy.is_empty() && !dx.is_empty() && dy.dim(-1) == dx.dim(-1) && row_count(dy) == index.size(),
      "scatter_add_rows", "dy (M,C), index (M) and dx (...,C) do not fit",
      {{"dy", &dy}, {"index", &index}, {"dx", &dx}});
  kernels_for(dx).scatter_add_rows(index.size(), dx.dim(-1), index.ints(), dy.data(), dx.data());
}

Tensor mean_rows(const Tensor& x, const Tensor& begin, const Tensor& end) {
  check_floats("mean_rows", {{"x", &x}});
  check_ints("mean_rows", {{"begin", &begin}, {"end", &end}});
  check_shapes(x.shape().size() == 3 && begin.size() == x.dim(0) && end.size() == x.dim(0),
               "mean_rows", "x (B,T,C) needs begin and end (B)",
               {{"x", &x}, {"begin", &begin}, {"end", &end}});
  Tensor y = Tensor::empty(x.kernels(), {x.dim(0), x.dim(2)}, x.kernels().parameter_dtype());
  kernels_for(x).mean_rows(x.dim(0), x.dim(1), x.dim(2), begin.ints(), end.ints(), x.data(),
                           y.data());
  return y;
}

}  // namespace dnabird::ops
