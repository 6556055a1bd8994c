// Reference of the ops that add, move and average rows.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// y[i] = a[i] + b[i]
template <class T>
void add(std::int64_t n, const void* a, const void* b, void* y);

/// y[r] = x[index[r]]
template <class T>
void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index, const void* x,
                 void* y);

/// dx[index[r]] += dy[r], in the order of r
template <class T>
void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                      const void* dy, void* dx);

struct MeanRowsArgs {
  std::int64_t batch, tokens, channels;
  const std::int32_t* begin;  // (B)
  const std::int32_t* end;    // (B)
  const void* x;              // (B,T,C)
  void* y;                    // (B,C)
};

/// y[b] = sum of x[b,t] over t in [begin[b], end[b]) / (end[b] - begin[b]); 0 if empty
template <class T>
void mean_rows(const MeanRowsArgs& args);

}  // namespace dnabird::kernels::reference
