// How a tile of bf16 rows lies in shared memory, and which of its bytes each lane of a warp names.
//
// A tile has kRows rows (tokens) of kHead elements. Rows of 64 elements fill the 128 bytes of all
// banks; a head of 128 is two panels of 64 one behind the other, a head of 32 has rows of 64 bytes.
// The 16-byte chunks of a row are permuted by the row (swizzle), so that the eight rows of one
// chunk, which ldmatrix and wgmma read at once, lie in different banks. It is the permutation that
// TMA and wgmma call 128-byte swizzle (64-byte for a head of 32): the byte address with bits 4-6
// xored by bits 7-9 (4-5 by 7-8), so panels begin at multiples of 1,024 bytes.
//
// Index is std::uint32_t, or the 32 values of an emulated warp on the host.
#pragma once

#include <cstdint>

#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

template <int kRows_, int kHead_>
struct Tile {
  static_assert(kHead_ == 32 || kHead_ == 64 || kHead_ == 128, "no such head size");
  static_assert(kRows_ % 16 == 0, "mma takes 16 rows");
  static constexpr int kRows = kRows_;
  static constexpr int kHead = kHead_;
  static constexpr int kPanelHead = kHead < 64 ? kHead : 64;
  static constexpr int kPanels = kHead / kPanelHead;
  static constexpr int kRowBytes = 2 * kPanelHead;
  static constexpr int kPanelBytes = kRows * kRowBytes;
  static constexpr int kBytes = kPanels * kPanelBytes;
  static constexpr int kRowChunks = kHead / 8;  // of 16 bytes, in all panels
  static constexpr int kChunks = kRows * kRowChunks;
  static constexpr std::uint32_t kSwizzle = kPanelHead == 64 ? 1 : 2;  // as wgmma names it

  /// Byte of a 16-byte chunk in the tile. The same chunk 16 * n rows further lies 16 * n *
  /// kRowBytes bytes further.
  template <class Index>
  DNABIRD_HD static Index offset(Index row, Index chunk) {
    constexpr std::uint32_t kPanelChunks = kPanelHead / 8;
    const Index key = kPanelHead == 64 ? row & 7U : (row >> 1U) & 3U;
    const Index inside = (chunk & (kPanelChunks - 1)) ^ key;
    const Index panel = (chunk / kPanelChunks) * static_cast<std::uint32_t>(kPanelBytes);
    return row * static_cast<std::uint32_t>(kRowBytes) + panel + inside * 16U;
  }

  /// Address of chunk + 2 * k of a row from that of chunk 0 or 1: the permutation is an exclusive
  /// or, and so is a step of an even number of chunks. One instruction instead of a register for
  /// each k.
  template <class Index>
  DNABIRD_HD static Index step(Index address, std::uint32_t k) {
    constexpr std::uint32_t kPanelSteps = kPanelHead / 16;
    return (address ^ (k % kPanelSteps * 32U)) + k / kPanelSteps * kPanelBytes;
  }
};

// Lane `lane` gives ldmatrix.x4 the address of row (lane % 8) of its matrix (lane / 8), and gets
// elements 2 * (lane % 4) and the next of row lane / 4 of each matrix, or with .trans the same
// of column lane / 4. Matrix i comes in register i.

/// A fragment (16 rows x 16 of the head) of mma.m16n8k16 from rows: registers 0-3 hold rows 0-7 and
/// 8-15 of the first eight elements, then of the next eight. With .trans the same addresses give
/// two B fragments (16 rows as k, columns 0-7 and 8-15 as n): registers {0, 1} and {2, 3}.
template <class Index>
DNABIRD_HD Index a_fragment_row(Index lane) {
  return lane & 15U;
}
template <class Index>
DNABIRD_HD Index a_fragment_chunk(Index lane) {
  return lane >> 4U;
}

/// Two B fragments (rows 0-7 and 8-15 as n, 16 of the head as k): registers {0, 1} and {2, 3}.
template <class Index>
DNABIRD_HD Index b_fragment_row(Index lane) {
  return (lane & 7U) + ((lane >> 4U) << 3U);
}
template <class Index>
DNABIRD_HD Index b_fragment_chunk(Index lane) {
  return (lane >> 3U) & 1U;
}

// Accumulators of mma.m16n8k16, and of wgmma for each warp of the four: element e of n-tile n lies
// in row lane / 4 + 8 * (e / 2) and column 8 * n + 2 * (lane % 4) + e % 2.
template <class Index>
DNABIRD_HD Index accumulator_row(Index lane) {
  return lane >> 2U;
}
template <class Index>
DNABIRD_HD Index accumulator_column(Index lane) {
  return (lane & 3U) << 1U;
}

}  // namespace dnabird::kernels::cuda
