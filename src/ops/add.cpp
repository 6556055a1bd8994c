#include "ops/add.h"

#include "ops/check.h"

namespace dnabird::ops {

void add_to(core::Tensor& y, const core::Tensor& x) {
  check_floats("add", {{"y", &y}, {"x", &x}});
  check_shapes(!x.is_empty() && y.size() == x.size(), "add", "y and x differ",
               {{"y", &y}, {"x", &x}});
  kernels_for(y).add(y.size(), y.data(), x.data(), y.data());
}

}  // namespace dnabird::ops
