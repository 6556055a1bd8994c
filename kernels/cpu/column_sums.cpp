#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

namespace {

constexpr std::int64_t kColumns = 32;  // sums of so many columns stay in registers
constexpr std::int64_t kRows = 64;

}  // namespace

void add_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, const float* x,
              float* to) {
  for (std::int64_t begin = 0; begin < rows; begin += kRows) {
    const std::int64_t end = std::min(rows, begin + kRows);
    for (std::int64_t c0 = 0; c0 < columns; c0 += kColumns) {
      const std::int64_t count = std::min(kColumns, columns - c0);
      float sums[kColumns] = {};
      for (std::int64_t r = begin; r < end; ++r) {
        const float* row = x + r * stride + c0;
        if (count == kColumns) {
          for (std::int64_t c = 0; c < kColumns; ++c) sums[c] += row[c];
        } else {
          for (std::int64_t c = 0; c < count; ++c) sums[c] += row[c];
        }
      }
      for (std::int64_t c = 0; c < count; ++c) to[c0 + c] += sums[c];
    }
  }
}

void add_column_sums(const Context& context, std::int64_t rows, std::int64_t columns,
                     const float* x, float* sums) {
  for_each_piece(context, columns, rows * columns < kPiece ? columns : 64,
                 [&](std::int64_t begin, std::int64_t end) {
                   add_rows(rows, end - begin, columns, x + begin, sums + begin);
                 });
}

}  // namespace dnabird::kernels::cpu
