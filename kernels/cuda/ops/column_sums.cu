#include "kernels/cuda/ops/column_sums.h"

#include "kernels/cuda/ops/row_parts.h"
#include "kernels/cuda/ops/row_sums.cuh"

namespace dnabird::kernels::cuda {

namespace {

struct PartRanges {
  std::int64_t rows, rows_of_part;

  __device__ __forceinline__ RowRange of(std::int64_t part) const {
    const std::int64_t begin = part * rows_of_part, end = begin + rows_of_part;
    return {begin, end < rows ? end : rows};
  }
};

struct AddTo {
  float* sums;

  __device__ __forceinline__ void set(std::int64_t, std::int64_t column, float sum) const {
    sums[column] += sum;
  }
};

}  // namespace

template <class T>
void column_sums(const Context& context, std::int64_t rows, std::int64_t columns, const T* x,
                 float* sums) {
  if (rows == 0 || columns == 0) return;
  const RowParts divided = divide_rows(rows, columns);
  const PoolArray parts(context.pool, static_cast<std::size_t>(divided.parts * columns));
  sum_parts(context, PartRanges{rows, divided.rows_of_part}, divided.parts, columns, x,
            parts.data());
  finish_sums(context, {1, divided.parts, columns, parts.data()}, AddTo{sums});
}

template void column_sums<float>(const Context&, std::int64_t, std::int64_t, const float*, float*);
template void column_sums<Bf16>(const Context&, std::int64_t, std::int64_t, const Bf16*, float*);

}  // namespace dnabird::kernels::cuda
