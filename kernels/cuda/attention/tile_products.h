// Tiles through a warp: from global to shared memory, and the two products that attention is made
// of. Warp is DeviceWarp (PTX) or the emulated warp of the host tests: F32, U32 and Mask are a
// register of a lane there, and of all 32 lanes here.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/tile.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// Where rows of a tile lie in global memory. Rows from `valid` on are filled with zeros and not
/// read: whatever lies there would otherwise reach results as 0 * NaN.
struct GlobalRows {
  const void* base;            // of row 0
  std::uint32_t stride_bytes;  // from row to row
  std::int32_t valid;
};

/// Starts the copy of a tile by kThreads threads, 16 bytes each at a time.
template <class T, int kThreads, class Warp>
DNABIRD_DEVICE void load_tile(Warp& warp, std::uint32_t tile, const GlobalRows& from) {
  // A step of all threads is a whole number of rows after which the permutation repeats, so that
  // shared addresses differ by constants.
  constexpr std::uint32_t kStepRows = kThreads / T::kRowChunks;
  static_assert(kStepRows % 8 == 0 && T::kRows % kStepRows == 0);
  const typename Warp::U32 thread = warp.lane() + warp.index() * 32U;
  const typename Warp::U32 row = thread / static_cast<std::uint32_t>(T::kRowChunks);
  const typename Warp::U32 chunk = thread & static_cast<std::uint32_t>(T::kRowChunks - 1);
  const typename Warp::U32 to = T::offset(row, chunk) + tile;
  const typename Warp::U32 offset = row * from.stride_bytes + chunk * 16U;
  DNABIRD_UNROLL
  for (std::uint32_t n = 0; n < T::kRows; n += kStepRows) {
    warp.copy16_async(to + n * T::kRowBytes, from.base, offset + n * from.stride_bytes,
                      row + n < static_cast<std::uint32_t>(from.valid));
  }
}

/// The warp's 16 rows of a tile as A fragments of all of the head.
template <class T, class Warp>
DNABIRD_DEVICE void load_a_fragments(Warp& warp, std::uint32_t tile, std::uint32_t first_row,
                                     typename Warp::U32 (&a)[T::kHead / 16][4]) {
  const auto start = T::offset(a_fragment_row(warp.lane()), a_fragment_chunk(warp.lane())) +
                     (tile + first_row * T::kRowBytes);
  DNABIRD_UNROLL
  for (std::uint32_t k = 0; k < T::kHead / 16; ++k) {
    warp.ldmatrix(a[k], T::step(start, k));
  }
}

/// sums (16 x kColumns) += a (16 x head) * the kColumns rows of the tile from first_row,
/// transposed.
template <class T, int kColumns, class Warp>
DNABIRD_DEVICE void multiply_by_rows(Warp& warp, const typename Warp::U32 (&a)[T::kHead / 16][4],
                                     std::uint32_t tile, std::uint32_t first_row,
                                     typename Warp::F32 (&sums)[kColumns / 8][4]) {
  const auto start = T::offset(b_fragment_row(warp.lane()), b_fragment_chunk(warp.lane())) +
                     (tile + first_row * T::kRowBytes);
  DNABIRD_UNROLL
  for (std::uint32_t k = 0; k < T::kHead / 16; ++k) {
    const auto address = T::step(start, k);
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kColumns / 16; ++n) {
      typename Warp::U32 b[4];
      warp.ldmatrix(b, address + n * 16 * T::kRowBytes);
      warp.mma(sums[2 * n], a[k], b[0], b[1]);
      warp.mma(sums[2 * n + 1], a[k], b[2], b[3]);
    }
  }
}

/// sums (16 x head) += p (16 x kDepth) * the kDepth rows of the tile from first_row.
template <class T, int kDepth, class Warp>
DNABIRD_DEVICE void multiply_by_columns(Warp& warp, const typename Warp::U32 (&p)[kDepth / 16][4],
                                        std::uint32_t tile, std::uint32_t first_row,
                                        typename Warp::F32 (&sums)[T::kHead / 8][4]) {
  const auto start = T::offset(a_fragment_row(warp.lane()), a_fragment_chunk(warp.lane())) +
                     (tile + first_row * T::kRowBytes);
  DNABIRD_UNROLL
  for (std::uint32_t k = 0; k < kDepth / 16; ++k) {
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < T::kHead / 16; ++n) {
      const auto address = T::step(start, n);
      typename Warp::U32 b[4];
      warp.ldmatrix_transposed(b, address + k * 16 * T::kRowBytes);
      warp.mma(sums[2 * n], p[k], b[0], b[1]);
      warp.mma(sums[2 * n + 1], p[k], b[2], b[3]);
    }
  }
}

/// Accumulators (16 x kColumns) rounded to bf16 as A fragments: the two have the same layout, two
/// n-tiles of one being a k-step of the other.
template <int kColumns, class Warp>
DNABIRD_DEVICE void to_a_fragments(const typename Warp::F32 (&x)[kColumns / 8][4],
                                   typename Warp::U32 (&a)[kColumns / 16][4]) {
  DNABIRD_UNROLL
  for (int k = 0; k < kColumns / 16; ++k) {
    a[k][0] = Warp::pack_bf16(x[2 * k][0], x[2 * k][1]);
    a[k][1] = Warp::pack_bf16(x[2 * k][2], x[2 * k][3]);
    a[k][2] = Warp::pack_bf16(x[2 * k + 1][0], x[2 * k + 1][1]);
    a[k][3] = Warp::pack_bf16(x[2 * k + 1][2], x[2 * k + 1][3]);
  }
}

/// The sum over the four lanes that share a row of accumulators, in each of them.
template <class Warp>
DNABIRD_DEVICE typename Warp::F32 sum_of_row(typename Warp::F32 x) {
  x = x + Warp::shuffle_xor(x, 1);
  return x + Warp::shuffle_xor(x, 2);
}
template <class Warp>
DNABIRD_DEVICE typename Warp::F32 largest_of_row(typename Warp::F32 x) {
  x = Warp::max(x, Warp::shuffle_xor(x, 1));
  return Warp::max(x, Warp::shuffle_xor(x, 2));
}

template <int kTiles, class F32>
DNABIRD_DEVICE void set_zero(F32 (&x)[kTiles][4]) {
  DNABIRD_UNROLL
  for (int n = 0; n < kTiles; ++n) {
    DNABIRD_UNROLL
    for (int e = 0; e < 4; ++e) x[n][e] = F32(0.0F);
  }
}

/// Where a warp's 16 rows of results go.
struct OutputRows {
  void* base;                  // of row 0 of the block
  std::uint32_t stride_bytes;  // from row to row
  std::int32_t rows;           // that exist
  std::int32_t valid;          // of these; the others become 0, whatever was computed for them
};

/// Four words in each of four lanes that share a row of accumulators, transposed: word i of lane j
/// becomes word j of lane i.
template <class Warp>
DNABIRD_DEVICE void transpose_in_row(Warp& warp, typename Warp::U32 (&words)[4]) {
  DNABIRD_UNROLL
  for (int bit = 1; bit < 4; bit *= 2) {
    const auto upper = (warp.lane() & static_cast<std::uint32_t>(bit)) >= 1U;
    DNABIRD_UNROLL
    for (int i = 0; i < 4; ++i) {
      if ((i & bit) != 0) continue;
      typename Warp::U32 &low = words[i], &high = words[i | bit];
      const auto other = Warp::shuffle_xor(Warp::select(upper, low, high), bit);
      low = Warp::select(upper, other, low);
      high = Warp::select(upper, high, other);
    }
  }
}

/// Writes accumulators, times a factor for each of the lane's two rows, as bf16, 16 bytes at a
/// time.
template <int kHead, class Warp>
DNABIRD_DEVICE void store_rows(Warp& warp, const OutputRows& to,
                               const typename Warp::F32 (&x)[kHead / 8][4],
                               const typename Warp::F32 (&factor)[2]) {
  using F32 = typename Warp::F32;
  DNABIRD_UNROLL
  for (std::uint32_t half = 0; half < 2; ++half) {
    const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
    // The lane's place in the row, which was the place of two columns, is that of eight.
    const auto offset = row * to.stride_bytes + accumulator_column(warp.lane()) * 8U;
    const auto exists = row < static_cast<std::uint32_t>(to.rows);
    const auto valid = row < static_cast<std::uint32_t>(to.valid);
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kHead / 8; n += 4) {
      typename Warp::U32 words[4];
      DNABIRD_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) {
        const F32 low = Warp::select(valid, x[n + i][2 * half] * factor[half], F32(0.0F));
        const F32 high = Warp::select(valid, x[n + i][2 * half + 1] * factor[half], F32(0.0F));
        words[i] = Warp::pack_bf16(low, high);
      }
      transpose_in_row(warp, words);
      warp.store_words(to.base, offset + n * 16U, words, exists);
    }
  }
}

/// Writes accumulators as f32 (rows of kHead): all 16 rows of the warp, of a slot.
template <int kHead, class Warp>
DNABIRD_DEVICE void store_partial(Warp& warp, float* to,
                                  const typename Warp::F32 (&x)[kHead / 8][4]) {
  DNABIRD_UNROLL
  for (std::uint32_t half = 0; half < 2; ++half) {
    const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
    const auto offset =
        (row * static_cast<std::uint32_t>(kHead) + accumulator_column(warp.lane())) * 4U;
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kHead / 8; ++n) {
      warp.store_two(to, offset + n * 32U, x[n][2 * half], x[n][2 * half + 1]);
    }
  }
}

}  // namespace dnabird::kernels::cuda
