// What the kernels for sm_90a share: a producer warp that fetches tiles with TMA, four consumer
// warps (a warpgroup) that multiply them with wgmma, and between them two stages for each kind of
// tile with a pair of mbarriers: `full` (the copy has landed) and `empty` (all four warps are
// done).
//
// Use n of a stage pair is in stage n % 2. Phase n / 2 of `full` completes when it has landed, and
// of `empty` when it is released; so use n waits for the release of use n - 2, which the parity of
// a fresh barrier grants to the first two.
//
// Cta is HopperDeviceCta, or the emulated thread block of the host tests.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/tile_products.h"
#include "kernels/cuda/attention/wgmma_layout.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// What came of a producer's next load.
enum class Load { started, blocked, none_left };

/// Two stages of tiles and their barriers.
template <class T>
struct Ring {
  std::uint32_t tiles;     // 2 * T::kBytes, aligned to 1,024
  std::uint32_t barriers;  // full 0, full 1, empty 0, empty 1; 8 bytes each
  static constexpr std::uint32_t kBarrierBytes = 32;

  DNABIRD_HD std::uint32_t tile(std::int32_t use) const { return tiles + (use & 1) * T::kBytes; }
  DNABIRD_HD std::uint32_t full(std::int32_t use) const { return barriers + (use & 1) * 8; }
  DNABIRD_HD std::uint32_t empty(std::int32_t use) const { return barriers + 16 + (use & 1) * 8; }
  DNABIRD_HD static std::uint32_t full_parity(std::int32_t use) { return (use >> 1) & 1; }
  DNABIRD_HD static std::uint32_t empty_parity(std::int32_t use) { return full_parity(use) ^ 1U; }

  template <class Cta>
  DNABIRD_DEVICE void start(Cta& cta) const {
    for (std::int32_t use = 0; use < 2; ++use) {
      cta.start_barrier(full(use), 1);
      cta.start_barrier(empty(use), Cta::kConsumerWarps);
    }
  }
  /// The producer's side: false if the stage is still in use (on the host; a device waits).
  template <class Cta, class Map>
  DNABIRD_DEVICE bool load(Cta& cta, std::int32_t use, const Map& map, const BoxPlace& at) const {
    if (!cta.ready(empty(use), empty_parity(use))) return false;
    cta.expect_bytes(full(use), T::kBytes);
    load_boxes(cta, tile(use), full(use), map, at);
    return true;
  }
  template <class Cta, class Map>
  DNABIRD_DEVICE static void load_boxes(Cta& cta, std::uint32_t tile, std::uint32_t barrier,
                                        const Map& map, BoxPlace at) {
    DNABIRD_UNROLL
    for (int panel = 0; panel < T::kPanels; ++panel) {
      cta.template load_box<T>(map, at, tile + panel * T::kPanelBytes, barrier);
      at.element += T::kPanelHead;
    }
  }
  template <class Cta>
  DNABIRD_DEVICE void wait(Cta& cta, std::int32_t use) const {
    cta.wait(full(use), full_parity(use));
  }
  /// One warp is done with a stage.
  template <class Cta>
  DNABIRD_DEVICE void release(Cta& cta, typename Cta::Warp& warp, std::int32_t use) const {
    cta.release(warp, empty(use));
  }
};

/// sums (64 x kColumns) = a tile's rows * kColumns rows of another from first_row, transposed.
/// Starts.
template <class T, int kColumns, class Warp>
DNABIRD_DEVICE void start_rows_product(Warp& warp, std::uint32_t a, std::uint32_t b,
                                       std::uint32_t first_row,
                                       typename Warp::F32 (&sums)[kColumns / 8][4]) {
  DNABIRD_UNROLL
  for (std::uint32_t k = 0; k < T::kHead / 16; ++k) {
    warp.template multiply_shared<kColumns>(sums, rows_descriptor<T>(a, 0, k),
                                            rows_descriptor<T>(b, first_row, k), k > 0);
  }
}

/// sums (64 x head) += p (64 x kDepth, A fragments) * kDepth rows of a tile from first_row. Starts.
template <class T, int kDepth, class Warp>
DNABIRD_DEVICE void start_columns_product(Warp& warp, const typename Warp::U32 (&p)[kDepth / 16][4],
                                          std::uint32_t tile, std::uint32_t first_row,
                                          typename Warp::F32 (&sums)[T::kHead / 8][4]) {
  DNABIRD_UNROLL
  for (std::uint32_t k = 0; k < kDepth / 16; ++k) {
    warp.template multiply_registers<T::kHead>(sums, p[k],
                                               columns_descriptor<T>(tile, first_row + 16 * k));
  }
}

/// Sets the rows of a tile from `valid` on to zero: TMA has filled rows beyond the tokens, but not
/// those between a sequence's length and the tokens. All consumer warps call it, then
/// Cta::share_writes.
template <class T, class Warp>
DNABIRD_DEVICE void clear_rows(Warp& warp, std::uint32_t tile, std::int32_t valid) {
  constexpr std::uint32_t kRowChunks = T::kPanelHead / 8;
  for (std::uint32_t panel = 0; panel < T::kPanels; ++panel) {
    for (std::uint32_t chunk = 0; chunk < T::kRows * kRowChunks; chunk += 128) {
      const auto index = warp.lane() + (warp.index() * 32U + chunk);
      warp.clear16(index * 16U + (tile + panel * T::kPanelBytes),
                   index >= static_cast<std::uint32_t>(valid) * kRowChunks);
    }
  }
}

}  // namespace dnabird::kernels::cuda
