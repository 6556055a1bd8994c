#include "kernels/cuda/ops/rows.h"

#include <limits>

#include "kernels/cuda/ops/elementwise.cuh"
#include "kernels/cuda/ops/row_sums.cuh"
#include "kernels/cuda/ops/sorted_rows.h"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

/// A thread block of kThreads for every kWarps warps.
LaunchShape warps(std::int64_t n) { return {(n + kWarps - 1) / kWarps, kThreads, 0}; }

/// The number of this warp among all of the grid.
__device__ __forceinline__ std::int64_t warp_index() {
  return std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
}

template <class T>
struct AddOp {
  const T *a, *b;
  T* y;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    float left[kWidth], right[kWidth];
    load_elements(a + i, left);
    load_elements(b + i, right);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) left[j] += right[j];
    store_elements(y + i, left);
  }
};

/// A warp for each row of `words` words.
template <class Word>
__global__ void __launch_bounds__(kThreads)
    copy_rows_kernel(std::int64_t rows, std::int64_t words, const std::int32_t* index,
                     const Word* table, Word* to) {
  const std::int64_t r = warp_index();
  if (r >= rows) return;
  const Word* from = table + std::int64_t{index[r]} * words;
#pragma unroll 4
  for (std::int64_t i = threadIdx.x % 32; i < words; i += 32) to[r * words + i] = from[i];
}

template <class Word>
void copy_words(const Context& context, const RowCopies& at, const void* table, void* rows) {
  launch(copy_rows_kernel<Word>, warps(at.rows), context.stream, at.rows,
         at.bytes / static_cast<std::int64_t>(sizeof(Word)), at.index,
         static_cast<const Word*>(table), static_cast<Word*>(rows));
}

/// A warp for each row.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads)
    gather_rows_kernel(const RowIndex at, const T* table, float* to) {
  const std::int64_t r = warp_index();
  if (r >= at.rows) return;
  const T* from = table + at.index[r] * at.channels;
#pragma unroll 4
  for (std::int64_t c = threadIdx.x % 32 * kWidth; c < at.channels; c += 32 * kWidth) {
    float value[kWidth];
    load_elements(from + c, value);
    store_elements(to + r * at.channels + c, value);
  }
}

/// Rows in the order of where they go.
struct ScatterOrder {
  std::int64_t rows, channels;
  const std::int32_t *targets, *sources;  // (R)
};

/// A warp for each place in the order and 32 * kWidth channels: it adds all rows of a target if
/// they begin there.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads)
    scatter_add_rows_kernel(const ScatterOrder order, const float* from, T* table) {
  const std::int64_t across = (order.channels + 32 * kWidth - 1) / (32 * kWidth);
  std::int64_t i = warp_index() / across;
  const std::int64_t c = (warp_index() % across * 32 + threadIdx.x % 32) * kWidth;
  if (i >= order.rows || c >= order.channels) return;
  const std::int32_t target = order.targets[i];
  if (i > 0 && order.targets[i - 1] == target) return;
  T* const to = table + target * order.channels + c;
  float sum[kWidth];
  load_elements(to, sum);
  do {
    float value[kWidth];
    load_elements(from + order.sources[i] * order.channels + c, value);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sum[j] += value[j];
    ++i;
  } while (i < order.rows && order.targets[i] == target);
  store_elements(to, sum);
}

// Fixed: a mean is made of sums over so many rows.
constexpr std::int64_t kRowsOfPart = 64;

/// Part p of sequence b: the rows [begin + 64 p, begin + 64 (p + 1)) of its range.
struct MeanRanges {
  std::int64_t tokens, parts;
  const std::int32_t *begin, *end;

  __device__ __forceinline__ RowRange of(std::int64_t part) const {
    const std::int64_t b = part / parts, from = begin[b] + part % parts * kRowsOfPart;
    const std::int64_t to = from + kRowsOfPart < end[b] ? from + kRowsOfPart : end[b];
    return {b * tokens + from, b * tokens + to};
  }
};

struct SetMean {
  std::int64_t channels;
  const std::int32_t *begin, *end;
  float* y;

  __device__ __forceinline__ void set(std::int64_t b, std::int64_t c, float sum) const {
    const std::int32_t count = end[b] - begin[b];
    y[b * channels + c] = count > 0 ? sum / static_cast<float>(count) : 0.0f;
  }
};

}  // namespace

template <class T>
void add(const Context& context, std::int64_t n, const void* a, const void* b, void* y) {
  for_each_element<kPackSize<T>>(
      context, n, are_aligned({a, b, y}),
      AddOp<T>{static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(y)});
}

void copy_rows(const Context& context, const RowCopies& at, const void* table, void* rows) {
  const auto bits = reinterpret_cast<std::uintptr_t>(table) |
                    reinterpret_cast<std::uintptr_t>(rows) | static_cast<std::uintptr_t>(at.bytes);
  if (bits % 16 == 0) {
    copy_words<uint4>(context, at, table, rows);
  } else if (bits % 4 == 0) {
    copy_words<std::uint32_t>(context, at, table, rows);
  } else if (bits % 2 == 0) {
    copy_words<std::uint16_t>(context, at, table, rows);
  } else {
    copy_words<std::uint8_t>(context, at, table, rows);
  }
}

template <class T>
void gather_rows(const Context& context, const RowIndex& at, const void* table, void* rows) {
  constexpr int kWidth = kPackSize<T>;
  const bool in_packs = at.channels % kWidth == 0 && are_aligned({table, rows});
  launch(in_packs ? gather_rows_kernel<kWidth, T> : gather_rows_kernel<1, T>, warps(at.rows),
         context.stream, at, static_cast<const T*>(table), floats(rows));
}

template <class T>
void scatter_add_rows(const Context& context, const RowIndex& at, const void* rows, void* table) {
  if (at.rows == 0 || at.channels == 0) return;
  const SortedRows sorted(context, at.rows, at.index, std::numeric_limits<std::int32_t>::max());
  const ScatterOrder order{at.rows, at.channels, sorted.keys(), sorted.rows()};
  constexpr int kWidth = kPackSize<T>;
  const bool in_packs = at.channels % kWidth == 0 && are_aligned({table, rows});
  const std::int64_t of_warp = 32 * (in_packs ? kWidth : 1);
  launch(in_packs ? scatter_add_rows_kernel<kWidth, T> : scatter_add_rows_kernel<1, T>,
         warps(at.rows * ((at.channels + of_warp - 1) / of_warp)), context.stream, order,
         floats(rows), static_cast<T*>(table));
}

template <class T>
void mean_rows(const Context& context, const MeanRowsArgs& a) {
  if (a.batch == 0 || a.channels == 0) return;
  const std::int64_t parts = (a.tokens + kRowsOfPart - 1) / kRowsOfPart;
  const PoolArray sums(context.pool, static_cast<std::size_t>(a.batch * parts * a.channels));
  sum_parts(context, MeanRanges{a.tokens, parts, a.begin, a.end}, a.batch * parts, a.channels,
            static_cast<const T*>(a.x), sums.data());
  finish_sums(context, {a.batch, parts, a.channels, sums.data()},
              SetMean{a.channels, a.begin, a.end, floats(a.y)});
}

template void add<float>(const Context&, std::int64_t, const void*, const void*, void*);
template void add<Bf16>(const Context&, std::int64_t, const void*, const void*, void*);
template void gather_rows<float>(const Context&, const RowIndex&, const void*, void*);
template void gather_rows<Bf16>(const Context&, const RowIndex&, const void*, void*);
template void scatter_add_rows<float>(const Context&, const RowIndex&, const void*, void*);
template void scatter_add_rows<Bf16>(const Context&, const RowIndex&, const void*, void*);
template void mean_rows<float>(const Context&, const MeanRowsArgs&);
template void mean_rows<Bf16>(const Context&, const MeanRowsArgs&);

}  // namespace dnabird::kernels::cuda
