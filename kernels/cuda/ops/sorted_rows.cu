#include "kernels/cuda/ops/sorted_rows.h"

#include <bit>
#include <cub/device/device_radix_sort.cuh>
#include <limits>
#include <stdexcept>

#include "kernels/cuda/ops/elementwise.cuh"

namespace dnabird::kernels::cuda {

namespace {

struct NumberRows {
  std::int32_t* rows;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
#pragma unroll
    for (int j = 0; j < kWidth; ++j) rows[i + j] = static_cast<std::int32_t>(i + j);
  }
};

}  // namespace

SortedRows::SortedRows(const Context& context, std::int64_t rows, const std::int32_t* keys,
                       std::int32_t largest)
    : keys_(context.pool, static_cast<std::size_t>(rows)),
      rows_(context.pool, static_cast<std::size_t>(rows)) {
  if (rows > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("CUDA: too many rows to sort");
  }
  if (rows == 0) return;
  const PoolBuffer<std::int32_t> numbers(context.pool, static_cast<std::size_t>(rows));
  for_each_element<4>(context, rows, true, NumberRows{numbers.data()});
  const int bits = static_cast<int>(std::bit_width(static_cast<std::uint32_t>(largest)));
  const auto sort = [&](void* room, std::size_t& bytes) {
    check(cub::DeviceRadixSort::SortPairs(room, bytes, reinterpret_cast<const std::uint32_t*>(keys),
                                          reinterpret_cast<std::uint32_t*>(keys_.data()),
                                          static_cast<const std::int32_t*>(numbers.data()),
                                          rows_.data(), static_cast<std::int32_t>(rows), 0, bits,
                                          context.stream),
          "sort of rows");
  };
  std::size_t bytes = 0;
  sort(nullptr, bytes);
  const PoolBuffer<char> room(context.pool, bytes);
  sort(room.data(), bytes);
}

}  // namespace dnabird::kernels::cuda
