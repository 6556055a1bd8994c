// Ops that add, move and average rows.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

/// y (n) = a + b; y may equal a or b
void add(const Context& context, std::int64_t n, const void* a, const void* b, void* y);

/// rows (R,C) and a table of rows: gather writes rows[r] = table[index[r]]; scatter adds rows[r] to
/// table[index[r]] in the order of r.
struct RowIndex {
  std::int64_t rows, channels;
  const std::int32_t* index;  // (R)
};
void gather_rows(const Context& context, const RowIndex& at, const void* table, void* rows);
void scatter_add_rows(const Context& context, const RowIndex& at, const void* rows, void* table);

struct MeanRowsArgs {
  std::int64_t batch, tokens, channels;
  const std::int32_t *begin, *end;  // (B)
  const void* x;                    // (B,T,C)
  void* y;                          // (B,C)
};

/// y[b] = mean of x[b,t] over t in [begin[b], end[b]); 0 if empty
void mean_rows(const Context& context, const MeanRowsArgs& args);

}  // namespace dnabird::kernels::cpu
