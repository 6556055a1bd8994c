// How the rows of a matrix are divided for a sum over them: by nothing but the shape, so that the
// order of the sum is the same on every device and for every alignment.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dnabird::kernels::cuda {

/// Part p holds the rows [p * rows_of_part, min(rows, (p + 1) * rows_of_part)); none is empty.
struct RowParts {
  std::int64_t parts, rows_of_part;
};

/// Enough parts to fill a large device and no more, of at least 32 rows but for the last.
inline RowParts divide_rows(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kColumnsOfBlock = 256, kBlocks = 1056, kLeastRows = 32;
  if (rows <= 0) return {0, kLeastRows};
  const std::int64_t across =
      std::max<std::int64_t>(1, (columns + kColumnsOfBlock - 1) / kColumnsOfBlock);
  const std::int64_t wanted = std::max<std::int64_t>(1, kBlocks / across);
  const std::int64_t of_part = std::max(kLeastRows, (rows + wanted - 1) / wanted);
  return {(rows + of_part - 1) / of_part, of_part};
}

}  // namespace dnabird::kernels::cuda
