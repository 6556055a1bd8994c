// Ops that add, move and average rows of activations, which are T = float or Bf16.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y (n) = a + b; y may equal a or b
template <class T>
void add(const Context& context, std::int64_t n, const void* a, const void* b, void* y);

/// rows[r] = table[index[r]], rows of `bytes` bytes
struct RowCopies {
  std::int64_t rows, bytes;
  const std::int32_t* index;  // (R)
};
void copy_rows(const Context& context, const RowCopies& at, const void* table, void* rows);

/// rows (R,C), floats, and a table of rows of T: gather writes rows[r] = table[index[r]]; scatter
/// adds rows[r] to table[index[r]] in the order of r, all of one in floats before it is rounded.
struct RowIndex {
  std::int64_t rows, channels;
  const std::int32_t* index;  // (R)
};
template <class T>
void gather_rows(const Context& context, const RowIndex& at, const void* table, void* rows);
template <class T>
void scatter_add_rows(const Context& context, const RowIndex& at, const void* rows, void* table);

struct MeanRowsArgs {
  std::int64_t batch, tokens, channels;
  const std::int32_t *begin, *end;  // (B)
  const void* x;                    // (B,T,C)
  void* y;                          // (B,C), floats
};

/// y[b] = mean of x[b,t] over t in [begin[b], end[b]); 0 if empty
template <class T>
void mean_rows(const Context& context, const MeanRowsArgs& args);

}  // namespace dnabird::kernels::cuda
