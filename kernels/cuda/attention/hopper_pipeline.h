// What the kernels for sm_90a share: a producer warp that fetches tiles with TMA, four consumer
// warps (a warpgroup) that multiply them with wgmma, and between them stages of each kind of tile,
// each with a pair of mbarriers: `full` (all of it has landed) and `empty` (all four warps are
// done).
//
// Use n of kCount stages is in stage n % kCount. Phase n / kCount of its `full` completes when it
// has landed, and of `empty` when it is released; so use n waits for the release of use n - kCount,
// which the parity of a fresh barrier grants to the first ones. Uses follow each other over all
// units of a thread block.
//
// Cta is HopperDeviceCta, or the emulated thread block of the host tests.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/forward.h"
#include "kernels/cuda/attention/hopper_units.h"
#include "kernels/cuda/attention/tile_products.h"
#include "kernels/cuda/attention/wgmma_layout.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// One use of kCount stages after the other: the stage, and the parity of its phase.
template <std::uint32_t kCount>
struct StageUse {
  static_assert(kCount == 1 || kCount == 2);
  std::uint32_t stage = 0, parity = 0;

  DNABIRD_HD void advance() {
    parity ^= kCount == 1 ? 1U : stage;
    stage ^= kCount - 1;
  }
};

/// kCount stages of kBytes and their barriers.
template <int kBytes_, int kCount_>
struct Stages {
  using Use = StageUse<kCount_>;
  static constexpr std::uint32_t kBytes = kBytes_;
  static constexpr std::uint32_t kCount = kCount_;
  static constexpr std::uint32_t kAllBytes = kBytes * kCount;
  static constexpr std::uint32_t kBarrierBytes = 16 * kCount;
  std::uint32_t memory;    // kAllBytes, for tiles aligned to 1,024
  std::uint32_t barriers;  // full, then empty ones; 8 bytes each

  DNABIRD_HD std::uint32_t at(std::uint32_t stage) const { return memory + stage * kBytes; }
  DNABIRD_HD std::uint32_t full(const Use& use) const { return barriers + use.stage * 8; }
  DNABIRD_HD std::uint32_t empty(const Use& use) const { return full(use) + 8 * kCount; }

  /// `arrivals` of the producer fill a stage.
  template <class Cta>
  DNABIRD_DEVICE void start(Cta& cta, int arrivals = 1) const {
    for (std::uint32_t i = 0; i < kCount; ++i) {
      cta.start_barrier(barriers + 8 * i, arrivals);
      cta.start_barrier(barriers + 8 * (kCount + i), Cta::kConsumerWarps);
    }
  }
  /// The producer's side: false if the stage is still in use (on the host; a device waits).
  template <class Cta>
  DNABIRD_DEVICE bool is_free(Cta& cta, const Use& use) const {
    return cta.ready(empty(use), use.parity ^ 1U);
  }
  template <class Cta>
  DNABIRD_DEVICE void wait(Cta& cta, const Use& use) const {
    cta.wait(full(use), use.parity);
  }
  /// One warp is done with a stage.
  template <class Cta>
  DNABIRD_DEVICE void release(Cta& cta, typename Cta::Warp& warp, const Use& use) const {
    cta.release(warp, empty(use));
  }
};

/// Starts the copy of a tile; its bytes count at `barrier`.
template <class T, class Cta, class Map>
DNABIRD_DEVICE void load_boxes(Cta& cta, std::uint32_t tile, std::uint32_t barrier, const Map& map,
                               BoxPlace at) {
  DNABIRD_UNROLL
  for (int panel = 0; panel < T::kPanels; ++panel) {
    cta.template load_box<T>(map, at, tile + panel * T::kPanelBytes, barrier);
    at.element += T::kPanelHead;
  }
}

/// Loads a tile into the next of its stages if that is free, else false. hand_over() writes first
/// what consumers read with the tile.
template <class T, class Cta, class TileStages, class Map, class HandOver>
DNABIRD_DEVICE bool load_tile(Cta& cta, const TileStages& stages, typename TileStages::Use& use,
                              const Map& map, const BoxPlace& box, const HandOver& hand_over) {
  if (!stages.is_free(cta, use)) return false;
  hand_over();
  cta.expect_bytes(stages.full(use), T::kBytes);
  load_boxes<T>(cta, stages.at(use.stage), stages.full(use), map, box);
  use.advance();
  return true;
}
template <class T, class Cta, class TileStages, class Map>
DNABIRD_DEVICE bool load_tile(Cta& cta, const TileStages& stages, typename TileStages::Use& use,
                              const Map& map, const BoxPlace& box) {
  return load_tile<T>(cta, stages, use, map, box, [] {});
}

/// The two loads of a pair of rows, by a producer with their uses `key` and `value`: K with log2 m,
/// and V.
template <class T, class Cta, class Producer>
DNABIRD_DEVICE bool load_keys(Cta& cta, Producer& p) {
  return load_tile<T>(cta, p.layout.keys(), p.key, p.maps.qkv,
                      box_of_qkv(p.a, p.walk.work.place, Part::key, p.walk.item.block), [&] {
                        cta.hand_over(p.layout.addend(p.key), p.walk.item.log2_multiplicity);
                      });
}
template <class T, class Cta, class Producer>
DNABIRD_DEVICE bool load_values(Cta& cta, Producer& p) {
  return load_tile<T>(cta, p.layout.values(), p.value, p.maps.qkv,
                      box_of_qkv(p.a, p.walk.work.place, Part::value, p.walk.item.block));
}

/// Two of a block's statistics, rows of f32 that TMA cannot take (a row of T floats need not begin
/// at 16 bytes), in each lane of the producer warp: of tokens lane and lane + 32 of `block`, and
/// `otherwise` beyond the length.
template <class Cta, class F32>
DNABIRD_DEVICE void load_statistic(Cta& cta, const AttentionView& a, const float* statistic,
                                   const UnitWork& work, std::int32_t block, float otherwise,
                                   F32 (&x)[2]) {
  const std::int64_t row0 = work.place.in_rows(a, std::int64_t{block} * kBlock);
  const std::int32_t valid = valid_rows(work.length, block, kBlock);
  cta.producer_lanes([&](auto& warp) {
    DNABIRD_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto row = warp.lane() + 32U * half;
      x[half] = warp.load_f32(statistic + row0, row * 4U, row < static_cast<std::uint32_t>(valid),
                              otherwise);
    }
  });
}
template <class Cta, class F32>
DNABIRD_DEVICE void store_statistic(Cta& cta, std::uint32_t to, const F32 (&x)[2]) {
  cta.producer_lanes([&](auto& warp) {
    DNABIRD_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      warp.store_shared(warp.lane() * 4U + (to + 128U * half), x[half]);
    }
  });
}

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

/// The scale of an item for scores of all of its block; log2 of its multiplicity has come with it.
template <class Warp>
DNABIRD_DEVICE ScoreScale scale_of_pair(Warp& warp, const AttentionView& a, std::int32_t index,
                                        float log2_multiplicity,
                                        typename Warp::F32 (&s)[kBlock / 8][4]) {
  if (a.schedule.granules != nullptr) return scale_by_granules<kBlock>(warp, a, index, 0, s);
  return {a.scale * kLog2E, log2_multiplicity};
}

/// Sets the rows of a tile from `valid` on to zero: TMA has filled rows beyond the tokens, but not
/// those between a sequence's length and the tokens. All consumer warps call it, then
/// Cta::share_writes.
template <class T, class Warp>
DNABIRD_DEVICE void clear_rows(Warp& warp, std::uint32_t tile, std::int32_t valid) {
  constexpr std::uint32_t kRowChunks = T::kPanelHead / 8;
  for (std::uint32_t panel = 0; panel < T::kPanels; ++panel) {
    for (std::uint32_t chunk = 0; chunk < T::kRows * kRowChunks; chunk += 128) {
      const auto index = warp.thread() + chunk;
      warp.clear16(index * 16U + (tile + panel * T::kPanelBytes),
                   index >= static_cast<std::uint32_t>(valid) * kRowChunks);
    }
  }
}

}  // namespace dnabird::kernels::cuda
