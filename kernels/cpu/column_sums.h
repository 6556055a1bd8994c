// Sums over rows, in an order that does not depend on the number of threads.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// sums[c] += sum_r x[r,c] for x (rows,columns)
void add_column_sums(const Context& context, std::int64_t rows, std::int64_t columns,
                     const float* x, float* sums);

/// The same on one thread for rows `stride` apart. Rows are summed in blocks, then blocks: the
/// error grows with the number of blocks, not of rows. T is float or Bf16.
template <class T>
void add_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, const T* x,
              float* sums);

}  // namespace dnabird::kernels::cpu
