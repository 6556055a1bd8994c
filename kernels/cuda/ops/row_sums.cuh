// Sums over rows in two steps, of parts of the rows and of the parts, each in a fixed order.
#pragma once

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ops/packs.cuh"
#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

struct RowRange {
  std::int64_t begin, end;
};

inline constexpr int kPartGroups = 8, kFinishGroups = 32;

/// sums (parts,columns) = sum of the rows ranges.of(part) of x (rows,columns). A thread block takes
/// 32 * kWidth columns of a part; its warps take turns at the rows. `columns` is a multiple of
/// kWidth.
template <int kWidth, class T, class Ranges>
__global__ void __launch_bounds__(32 * kPartGroups)
    sum_parts_kernel(const Ranges ranges, std::int64_t columns, const T* x, float* sums) {
  constexpr int kColumns = 32 * kWidth;
  __shared__ float of_group[kPartGroups][kColumns];
  const std::int64_t across = (columns + kColumns - 1) / kColumns;
  const std::int64_t part = blockIdx.x / across, first = blockIdx.x % across * kColumns;
  const int group = static_cast<int>(threadIdx.x / 32), at = threadIdx.x % 32 * kWidth;
  float sum[kWidth] = {};
  if (first + at < columns) {
    const RowRange range = ranges.of(part);
    const T* from = x + first + at;
#pragma unroll 4
    for (std::int64_t r = range.begin + group; r < range.end; r += kPartGroups) {
      float value[kWidth];
      load_elements(from + r * columns, value);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum[i] += value[i];
    }
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) of_group[group][at + i] = sum[i];
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x);
  if (column >= kColumns || first + column >= columns) return;
  float total = of_group[0][column];
#pragma unroll
  for (int g = 1; g < kPartGroups; ++g) total += of_group[g][column];
  sums[part * columns + first + column] = total;
}

/// finish.set(b, c, sum of sums[b,p,c] over p) for sums (outputs,parts,columns). A thread block
/// takes 32 columns of an output; its warps take turns at the parts.
template <class Finish>
__global__ void __launch_bounds__(32 * kFinishGroups)
    finish_sums_kernel(std::int64_t parts, std::int64_t columns, const float* sums,
                       const Finish finish) {
  __shared__ float of_group[kFinishGroups][33];
  const std::int64_t across = (columns + 31) / 32;
  const std::int64_t output = blockIdx.x / across, first = blockIdx.x % across * 32;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  float sum = 0;
  if (first + lane < columns) {
    const float* from = sums + output * parts * columns + first + lane;
#pragma unroll 4
    for (std::int64_t p = warp; p < parts; p += kFinishGroups) sum += from[p * columns];
  }
  of_group[warp][lane] = sum;
  __syncthreads();
  const float total = warp_sum(of_group[lane][warp]);
  if (lane == 0 && first + warp < columns) finish.set(output, first + warp, total);
}

/// The first step, for x and `sums` of any alignment.
template <class T, class Ranges>
void sum_parts(const Context& context, const Ranges& ranges, std::int64_t parts,
               std::int64_t columns, const T* x, float* sums) {
  const auto blocks = [&](std::int64_t of_block) {
    return parts * ((columns + of_block - 1) / of_block);
  };
  constexpr int kWidth = kPackSize<T>, kThreads = 32 * kPartGroups;
  if (columns % kWidth == 0 && are_aligned({x})) {
    launch(sum_parts_kernel<kWidth, T, Ranges>, {blocks(32 * kWidth), kThreads, 0}, context.stream,
           ranges, columns, x, sums);
  } else {
    launch(sum_parts_kernel<1, T, Ranges>, {blocks(32), kThreads, 0}, context.stream, ranges,
           columns, x, sums);
  }
}

struct PartSums {
  std::int64_t outputs, parts, columns;
  const float* sums;  // (outputs,parts,columns)
};

/// The second step.
template <class Finish>
void finish_sums(const Context& context, const PartSums& of, const Finish& finish) {
  launch(finish_sums_kernel<Finish>, {of.outputs * ((of.columns + 31) / 32), 32 * kFinishGroups, 0},
         context.stream, of.parts, of.columns, of.sums, finish);
}

}  // namespace dnabird::kernels::cuda
