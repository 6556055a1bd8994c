// The Gaussian error linear unit, both forms, of T = float or Bf16.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y (n) = gelu(x)
template <class T>
void gelu_forward(const Context& context, Gelu kind, std::int64_t n, const void* x, void* y);

struct GeluGrad {
  std::int64_t n;
  const void *x, *dy;
  void* dx;  // may equal dy
};

/// dx (n) = dy * gelu'(x)
template <class T>
void gelu_backward(const Context& context, Gelu kind, const GeluGrad& args);

}  // namespace dnabird::kernels::cuda
