// Rows sorted by a key, so that what is added to one place is added by one thread, in order.
#pragma once

#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

/// The rows 0, 1, ... in the order of their keys, those of one key in the order of the rows. Lives
/// until the end of the scope; on the device.
class SortedRows {
 public:
  /// `keys` (rows) lies on the device; 0 <= key <= largest. Throws std::invalid_argument if the
  /// rows are too many to number in 32 bits.
  SortedRows(const Context& context, std::int64_t rows, const std::int32_t* keys,
             std::int32_t largest);

  const std::int32_t* keys() const { return keys_.data(); }
  const std::int32_t* rows() const { return rows_.data(); }

 private:
  PoolBuffer<std::int32_t> keys_, rows_;
};

}  // namespace dnabird::kernels::cuda
