// Reference of the Gaussian error linear unit. Source: Hendrycks & Gimpel 2016; the tanh form is
// the one that the Hugging Face models name gelu_new.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// tanh: y = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); erf: y = 0.5 x (1 + erf(x/sqrt(2)))
template <class T>
void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y);

/// dx = dy * y'(x), with t = tanh(c (x + a x^3)), c = sqrt(2/pi), a = 0.044715:
/// tanh: y' = 0.5 (1 + t) + 0.5 x (1 - t^2) c (1 + 3 a x^2)
/// erf:  y' = 0.5 (1 + erf(x/sqrt(2))) + x exp(-x^2/2) / sqrt(2 pi)
template <class T>
void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx);

}  // namespace dnabird::kernels::reference
