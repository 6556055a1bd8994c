#include "kernels/cpu/rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

template <class T>
void add(const Context& context, std::int64_t n, const void* a, const void* b, void* y) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    const T *from_a = as<T>(a), *from_b = as<T>(b);
    T* to = as<T>(y);
    for (std::int64_t i = begin; i < end; ++i) {
      assign(to[i], to_float(from_a[i]) + to_float(from_b[i]));
    }
  });
}

void copy_rows(const Context& context, const RowCopies& at, const void* table, void* rows) {
  const std::int64_t piece =
      std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, at.bytes));
  for_each_piece(context, at.rows, piece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::memcpy(as<char>(rows) + r * at.bytes, as<char>(table) + at.index[r] * at.bytes,
                  static_cast<std::size_t>(at.bytes));
    }
  });
}

template <class T>
void gather_rows(const Context& context, const RowIndex& at, const void* table, void* rows) {
  const std::int64_t n = at.channels;
  for_each_piece(context, at.rows, std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, n)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const T* from = as<T>(table) + at.index[r] * n;
                     float* to = floats(rows) + r * n;
                     for (std::int64_t c = 0; c < n; ++c) to[c] = to_float(from[c]);
                   }
                 });
}

template <class T>
void scatter_add_rows(const Context& context, const RowIndex& at, const void* rows, void* table) {
  // Sorted by where they go: each row of the table is one task's, which rounds its sum once.
  const PoolBuffer<std::int32_t> order(context.pool, at.rows);
  std::int32_t* const first = order.data();
  std::iota(first, first + at.rows, 0);
  std::sort(first, first + at.rows, [&](std::int32_t a, std::int32_t b) {
    return at.index[a] != at.index[b] ? at.index[a] < at.index[b] : a < b;
  });
  const auto target = [&](std::int64_t i) { return at.index[first[i]]; };
  const auto add_group = [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kColumns = 64;
    float sums[kColumns];
    T* const to = as<T>(table) + target(begin) * at.channels;
    for (std::int64_t c = 0; c < at.channels; c += kColumns) {
      const std::int64_t n = std::min(kColumns, at.channels - c);
      for (std::int64_t i = 0; i < n; ++i) sums[i] = to_float(to[c + i]);
      for (std::int64_t g = begin; g < end; ++g) {
        const float* from = floats(rows) + first[g] * at.channels + c;
        for (std::int64_t i = 0; i < n; ++i) sums[i] += from[i];
      }
      for (std::int64_t i = 0; i < n; ++i) assign(to[c + i], sums[i]);
    }
  };
  const std::int64_t piece = std::max<std::int64_t>(1, kPiece / at.channels);
  for_each_piece(context, at.rows, piece, [&](std::int64_t begin, std::int64_t end) {
    // Groups that begin in the piece.
    while (begin < end && begin > 0 && target(begin) == target(begin - 1)) ++begin;
    while (begin < end) {
      std::int64_t next = begin + 1;
      while (next < at.rows && target(next) == target(begin)) ++next;
      add_group(begin, next);
      begin = next;
    }
  });
}

template <class T>
void mean_rows(const Context& context, const MeanRowsArgs& a) {
  const std::int64_t n = a.channels;
  for_each_task(context, a.batch, [&](std::int64_t b, int) {
    const std::int64_t count = a.end[b] - a.begin[b];
    float* y = floats(a.y) + b * n;
    std::fill_n(y, n, 0.0f);
    if (count <= 0) return;
    add_rows(count, n, n, as<T>(a.x) + (b * a.tokens + a.begin[b]) * n, y);
    for (std::int64_t c = 0; c < n; ++c) y[c] /= static_cast<float>(count);
  });
}

template void add<float>(const Context&, std::int64_t, const void*, const void*, void*);
template void add<Bf16>(const Context&, std::int64_t, const void*, const void*, void*);
template void gather_rows<float>(const Context&, const RowIndex&, const void*, void*);
template void gather_rows<Bf16>(const Context&, const RowIndex&, const void*, void*);
template void scatter_add_rows<float>(const Context&, const RowIndex&, const void*, void*);
template void scatter_add_rows<Bf16>(const Context&, const RowIndex&, const void*, void*);
template void mean_rows<float>(const Context&, const MeanRowsArgs&);
template void mean_rows<Bf16>(const Context&, const MeanRowsArgs&);

}  // namespace dnabird::kernels::cpu
