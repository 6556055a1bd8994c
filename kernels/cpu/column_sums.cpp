#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

namespace {

constexpr std::int64_t kColumns = 512;  // sums of so many columns stay near
constexpr std::int64_t kRows = 64;      // one float adds up so many rows at most

/// sums[c] += x[r,c] over `rows` rows of `columns` <= kColumns columns
template <class T>
void add_few_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, const T* x,
                  float* sums) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T *x0 = x + r * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    for (std::int64_t c = 0; c < columns; ++c) {
      sums[c] += (to_float(x0[c]) + to_float(x1[c])) + (to_float(x2[c]) + to_float(x3[c]));
    }
  }
  for (; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) sums[c] += to_float(x[r * stride + c]);
  }
}

}  // namespace

template <class T>
void add_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, const T* x, float* to) {
  for (std::int64_t begin = 0; begin < rows; begin += kRows) {
    for (std::int64_t c0 = 0; c0 < columns; c0 += kColumns) {
      const std::int64_t count = std::min(kColumns, columns - c0);
      float sums[kColumns] = {};
      add_few_rows(std::min(kRows, rows - begin), count, stride, x + begin * stride + c0, sums);
      for (std::int64_t c = 0; c < count; ++c) to[c0 + c] += sums[c];
    }
  }
}

template void add_rows(std::int64_t, std::int64_t, std::int64_t, const float*, float*);
template void add_rows(std::int64_t, std::int64_t, std::int64_t, const Bf16*, float*);

void add_column_sums(const Context& context, std::int64_t rows, std::int64_t columns,
                     const float* x, float* sums) {
  // By rows, since memory is read fastest in its order; the pieces' sums are added in order.
  const std::int64_t piece = 2 * kRows, pieces = (rows + piece - 1) / piece;
  const PoolArray parts(context.pool, pieces * columns);
  std::fill_n(parts.data(), pieces * columns, 0.0f);
  for_each_piece(context, rows, piece, [&](std::int64_t begin, std::int64_t end) {
    add_rows(end - begin, columns, columns, x + begin * columns,
             parts.data() + begin / piece * columns);
  });
  add_rows(pieces, columns, columns, parts.data(), sums);
}

}  // namespace dnabird::kernels::cpu
