// Reference of the linear layer; w is (out,in).
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// y[r,o] = bias[o] + sum_i x[r,i] * w[o,i], or gelu of it
template <class T>
void linear_forward(const LinearArgs& args);

/// dx[r,i] = dx_start[r,i] + sum_o dy[r,o] * w[o,i]; dw[o,i] += sum_r dy[r,o] * x[r,i]; dbias[o] +=
/// sum_r dy[r,o]
template <class T>
void linear_backward(const LinearGrad& args);

}  // namespace dnabird::kernels::reference
