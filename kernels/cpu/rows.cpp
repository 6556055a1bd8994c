#include "kernels/cpu/rows.h"

#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

void add(const Context& context, std::int64_t n, const void* a, const void* b, void* y) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    const float *from_a = floats(a), *from_b = floats(b);
    float* to = floats(y);
    for (std::int64_t i = begin; i < end; ++i) to[i] = from_a[i] + from_b[i];
  });
}

void gather_rows(const Context& context, const RowIndex& at, const void* table, void* rows) {
  const std::int64_t n = at.channels;
  for_each_piece(context, at.rows, std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, n)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     std::copy_n(floats(table) + at.index[r] * n, n, floats(rows) + r * n);
                   }
                 });
}

void scatter_add_rows(const Context& context, const RowIndex& at, const void* rows, void* table) {
  // Every thread goes through all rows for its columns: each sum keeps the order of the rows.
  const std::int64_t n = at.channels;
  for_each_piece(context, n, at.rows * n < kPiece ? n : 64,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = 0; r < at.rows; ++r) {
                     const float* from = floats(rows) + r * n;
                     float* to = floats(table) + at.index[r] * n;
                     for (std::int64_t c = begin; c < end; ++c) to[c] += from[c];
                   }
                 });
}

void mean_rows(const Context& context, const MeanRowsArgs& a) {
  const std::int64_t n = a.channels;
  for_each_task(context, a.batch, [&](std::int64_t b, int) {
    const std::int64_t count = a.end[b] - a.begin[b];
    float* y = floats(a.y) + b * n;
    std::fill_n(y, n, 0.0f);
    if (count <= 0) return;
    add_rows(count, n, n, floats(a.x) + (b * a.tokens + a.begin[b]) * n, y);
    for (std::int64_t c = 0; c < n; ++c) y[c] /= static_cast<float>(count);
  });
}

}  // namespace dnabird::kernels::cpu
