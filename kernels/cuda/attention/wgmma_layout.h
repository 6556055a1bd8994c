// What wgmma and TMA (sm_90a) are told about tiles: matrix descriptors, and the boxes of tensors.
//
// A descriptor (PTX ISA, "Asynchronous warpgroup matrix: shared memory matrix layout") holds in
// units of 16 bytes: start address in bits 0-13, leading byte offset in 16-29, stride byte offset
// in 32-45, and in bits 62-63 the swizzle (1: 128 bytes, 2: 64 bytes). Tiles lie as tile.h says.
// With the head as k ("K-major"), rows come in groups of eight, a stride apart; a step of 16 in k
// moves the start by 32 bytes within the permuted row, as addresses are permuted after they are
// summed up. With the rows as k ("MN-major"), groups of eight rows are a stride apart and panels of
// 64 elements a leading offset.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/tile.h"
#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// The descriptor of what lies `offset` bytes behind the start of a tile, which begins at a
/// multiple of 1,024. The fields cannot overflow: shared memory is smaller than 2^18 bytes. Only
/// `tile` is known at run time, so that an addition is what is left to do.
template <class T>
DNABIRD_HD std::uint64_t make_descriptor(std::uint32_t tile, std::uint32_t offset,
                                         std::uint32_t leading) {
  const std::uint32_t low = (tile >> 4U) + ((offset >> 4U) + (leading >> 4U << 16U));
  constexpr std::uint32_t kHigh = (8 * T::kRowBytes >> 4U) | T::kSwizzle << 30U;
  return static_cast<std::uint64_t>(kHigh) << 32U | low;
}

/// Rows of a tile from first_row (a multiple of 8) as m or n, elements [16 k, 16 k + 16) of the
/// head as k. The leading offset is not used by a swizzled layout.
template <class T>
DNABIRD_HD std::uint64_t rows_descriptor(std::uint32_t tile, std::uint32_t first_row,
                                         std::uint32_t k) {
  return make_descriptor<T>(tile, first_row * T::kRowBytes + T::step(0U, k), 16);
}

/// The head as n, 16 rows of a tile from first_row (a multiple of 16) as k.
template <class T>
DNABIRD_HD std::uint64_t columns_descriptor(std::uint32_t tile, std::uint32_t first_row) {
  return make_descriptor<T>(tile, first_row * T::kRowBytes, T::kPanelBytes);
}

/// A tensor of four axes for TMA, innermost first, and the box that one copy takes: a panel of a
/// tile. Rows beyond the tokens are filled with zeros.
struct TensorShape {
  std::uint64_t size[4];
  std::uint64_t stride_bytes[3];  // of axes 1 to 3
  std::uint32_t box[4];
};

/// qkv (B,T,3,H,D) as (D, 3 * H, T, B).
DNABIRD_HD TensorShape qkv_tensor(const AttentionView& a) {
  const auto head = static_cast<std::uint64_t>(a.head_size);
  const auto parts = static_cast<std::uint64_t>(3 * a.heads);
  const auto tokens = static_cast<std::uint64_t>(a.tokens);
  return {{head, parts, tokens, static_cast<std::uint64_t>(a.batch)},
          {2 * head, 2 * head * parts, 2 * head * parts * tokens},
          {a.head_size < 64 ? static_cast<std::uint32_t>(a.head_size) : 64U, 1, kBlock, 1}};
}
/// out or dout (B,T,H,D) as (D, H, T, B).
DNABIRD_HD TensorShape out_tensor(const AttentionView& a) {
  const auto head = static_cast<std::uint64_t>(a.head_size);
  const auto parts = static_cast<std::uint64_t>(a.heads);
  const auto tokens = static_cast<std::uint64_t>(a.tokens);
  return {{head, parts, tokens, static_cast<std::uint64_t>(a.batch)},
          {2 * head, 2 * head * parts, 2 * head * parts * tokens},
          {a.head_size < 64 ? static_cast<std::uint32_t>(a.head_size) : 64U, 1, kBlock, 1}};
}

/// Where a box begins, in elements.
struct BoxPlace {
  std::int32_t element, part, token, batch;
};
DNABIRD_HD BoxPlace box_of_qkv(const AttentionView& a, const HeadPlace& place, Part part,
                               std::int32_t block) {
  return {0, static_cast<std::int32_t>(part) * a.heads + place.head, block * kBlock, place.batch};
}
DNABIRD_HD BoxPlace box_of_out(const HeadPlace& place, std::int32_t block) {
  return {0, place.head, block * kBlock, place.batch};
}

}  // namespace dnabird::kernels::cuda
