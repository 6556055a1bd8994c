// Sums over the rows of a matrix: the gradient of a bias.
#pragma once

#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

/// sums[c] += sum over r of x[r,c] for x (rows,columns) of T = float or Bf16 and sums (columns) of
/// floats. The order depends on nothing but the shape. Nothing is done for 0 rows or columns.
template <class T>
void column_sums(const Context& context, std::int64_t rows, std::int64_t columns, const T* x,
                 float* sums);

}  // namespace dnabird::kernels::cuda
