// A product of matrices of any shape, at any address: for the linear layers that cuBLASLt does not
// take. A thread block computes a tile of C; sums are f32, of each element in the order of k.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// C (m,n) = A (m,k) B (k,n); A(i,p) = a[i * a_row + p * a_column], B likewise. With groups > 1
/// group g sums over the p in [g * group, (g + 1) * group) only, and gives a C of its own.
template <class T>
struct PlainMatrices {
  std::int64_t m, n, k;
  const T* a;
  std::int64_t a_row, a_column;
  const T* b;
  std::int64_t b_row, b_column;
  std::int64_t group, groups;
};

/// Rows of one group where sums run over rows, and how many groups there are.
struct PlainGroups {
  std::int64_t rows, count;
};

/// By the shape alone: enough groups to fill a device with the tiles of a small result of
/// `elements`, not so many that their sums need much memory.
inline PlainGroups plain_groups(std::int64_t rows, std::int64_t elements) {
  constexpr std::int64_t kRows = 256, kMostGroups = 64, kMostSums = std::int64_t{1} << 24;
  const std::int64_t memory = std::max<std::int64_t>(kMostSums / elements, 1);
  const std::int64_t wanted = std::max<std::int64_t>(rows / kRows, 1);
  const std::int64_t most = std::min({wanted, kMostGroups, memory});
  const std::int64_t group = (rows + most - 1) / most;
  return {group, (rows + group - 1) / group};
}

/// The phases of one thread block, between which its threads meet:
///   for each chunk: load, meet, add, meet; then every thread has its sums.
template <class T>
class PlainProduct {
 public:
  static constexpr int kTile = 64;   // of m and of n
  static constexpr int kChunk = 16;  // of k
  static constexpr int kThreads = 256;
  static constexpr int kSide = 4;     // a thread has kSide x kSide elements of the tile
  static constexpr int kStride = 16;  // which lie so far apart
  /// Of two tiles, A (kChunk,kTile) and B (kChunk,kTile); a float more in each row, so that a
  /// column lies in different banks.
  struct Shared {
    float a[kChunk][kTile + 1], b[kChunk][kTile + 1];
  };

  DNABIRD_HD static std::int64_t tiles(std::int64_t size) { return (size + kTile - 1) / kTile; }
  DNABIRD_HD static std::int64_t blocks(const PlainMatrices<T>& x) {
    return tiles(x.m) * tiles(x.n) * x.groups;
  }

  DNABIRD_DEVICE PlainProduct(const PlainMatrices<T>& matrices, std::int64_t block, int thread)
      : x_(matrices), thread_(thread) {
    const std::int64_t tiles_n = tiles(x_.n), tiles_mn = tiles(x_.m) * tiles_n;
    group_ = block / tiles_mn;
    row_ = block % tiles_mn / tiles_n * kTile;
    column_ = block % tiles_n * kTile;
    begin_ = group_ * x_.group;
    end_ = begin_ + x_.group < x_.k ? begin_ + x_.group : x_.k;
  }

  DNABIRD_DEVICE std::int64_t chunks() const { return (end_ - begin_ + kChunk - 1) / kChunk; }

  /// Zeros beyond the edges.
  DNABIRD_DEVICE void load(std::int64_t chunk, Shared& shared) const {
    const std::int64_t first = begin_ + chunk * kChunk;
    load_side({x_.a, x_.a_row, x_.a_column, row_, x_.m}, first, shared.a);
    load_side({x_.b, x_.b_column, x_.b_row, column_, x_.n}, first, shared.b);
  }
  DNABIRD_DEVICE void add(const Shared& shared) {
    const int row = thread_ / kStride, column = thread_ % kStride;
    DNABIRD_UNROLL
    for (int p = 0; p < kChunk; ++p) {
      float a[kSide], b[kSide];
      DNABIRD_UNROLL
      for (int i = 0; i < kSide; ++i) {
        a[i] = shared.a[p][row + i * kStride];
        b[i] = shared.b[p][column + i * kStride];
      }
      DNABIRD_UNROLL
      for (int i = 0; i < kSide; ++i) {
        DNABIRD_UNROLL
        for (int j = 0; j < kSide; ++j) sums_[i][j] += a[i] * b[j];
      }
    }
  }
  /// take(group, row, column, sum) of each element that this thread has.
  template <class Take>
  DNABIRD_DEVICE void finish(const Take& take) const {
    DNABIRD_UNROLL
    for (int i = 0; i < kSide; ++i) {
      DNABIRD_UNROLL
      for (int j = 0; j < kSide; ++j) {
        const std::int64_t row = row_ + thread_ / kStride + i * kStride;
        const std::int64_t column = column_ + thread_ % kStride + j * kStride;
        if (row < x_.m && column < x_.n) take(group_, row, column, sums_[i][j]);
      }
    }
  }

 private:
  /// One of the factors, its outer index (that of C) first.
  struct Side {
    const T* elements;
    std::int64_t outer_step, inner_step, outer_begin, outer_end;
  };

  DNABIRD_DEVICE static float number(float element) { return element; }
  DNABIRD_DEVICE static float number(Bf16 element) {
    const std::uint32_t bits = static_cast<std::uint32_t>(element.bits) << 16U;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }

  DNABIRD_DEVICE void load_side(const Side& side, std::int64_t first,
                                float (&tile)[kChunk][kTile + 1]) const {
    DNABIRD_UNROLL
    for (int turn = 0; turn < kChunk * kTile / kThreads; ++turn) {
      const int i = turn * kThreads + thread_;
      // Threads side by side read elements side by side.
      const bool along_inner = side.inner_step == 1;
      const int p = along_inner ? i % kChunk : i / kTile;
      const int o = along_inner ? i / kChunk : i % kTile;
      const std::int64_t outer = side.outer_begin + o, inner = first + p;
      const bool inside = outer < side.outer_end && inner < end_;
      tile[p][o] =
          inside ? number(side.elements[outer * side.outer_step + inner * side.inner_step]) : 0.0F;
    }
  }

  const PlainMatrices<T>& x_;
  int thread_;
  std::int64_t group_, row_, column_, begin_, end_;
  float sums_[kSide][kSide] = {};
};

}  // namespace dnabird::kernels::cuda
