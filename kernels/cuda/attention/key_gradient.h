// The pass of block attention's backward over columns: dK and dV of one key block, from the query
// blocks that read it. It follows the pass over rows, which writes delta.
//
// A warp has 16 keys, K and V as A fragments; Q, dout, lse and delta of the listed blocks pass
// through two stages of shared memory. Everything is transposed, so that P and dS come out as the A
// fragments of the next product and never visit shared memory; kQueries queries at a time:
//   S^T = K Q^T;  P^T = exp2(S^T c + log2 m - log2(e) lse);  dV += P^T dout;
//   dP^T = V dout^T;  dS^T = P^T (dP^T - delta);  dK += dS^T Q;  at the end dK *= scale.
// Queries beyond the length have Q, dout, lse and delta 0 and add nothing; keys beyond it are
// replaced by 0 at the end.
#pragma once

#include "kernels/cuda/attention/forward.h"

namespace dnabird::kernels::cuda {

/// What a warp adds up for its 16 keys.
template <class Warp, int kHead>
struct KeyGradientSums {
  typename Warp::F32 dk[kHead / 8][4], dv[kHead / 8][4];

  DNABIRD_DEVICE void clear() {
    set_zero(dk);
    set_zero(dv);
  }
};

/// Ends a unit: writes dK and dV, or the partial result. `length` is the sequence's.
template <int kHead, class Warp>
DNABIRD_DEVICE void finish_key_gradient(Warp& warp, const AttentionView& a, const HeadPlace& place,
                                        const WorkUnit& unit, std::int32_t length,
                                        const KeyGradientSums<Warp, kHead>& sums) {
  using F32 = typename Warp::F32;
  if (unit.slot >= 0) {
    float* slot = slot_address(a, place, unit.slot, key_partial_size(kBlock, kHead));
    store_partial<kHead>(warp, slot, sums.dk);
    store_partial<kHead>(warp, slot + kBlock * kHead, sums.dv);
    return;
  }
  const F32 scale[2] = {F32(a.scale), F32(a.scale)}, one[2] = {F32(1.0F), F32(1.0F)};
  const std::int64_t first = std::int64_t{unit.block} * kBlock;
  OutputRows to{static_cast<char*>(a.dqkv) + 2 * place.in_qkv(a, Part::key, first, kHead),
                static_cast<std::uint32_t>(2 * 3 * a.heads * kHead),
                valid_rows(a.tokens, unit.block, kBlock), valid_rows(length, unit.block, kBlock)};
  store_rows<kHead>(warp, to, sums.dk, scale);
  to.base = static_cast<char*>(a.dqkv) + 2 * place.in_qkv(a, Part::value, first, kHead);
  store_rows<kHead>(warp, to, sums.dv, one);
}

template <class Cta, int kHead>
struct KeyGradientUnit {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  static constexpr int kWarps = kBlock / 16;
  static constexpr int kQueries = kHead == 32 ? 32 : 16;
  // A head of 128 leaves no registers for the loads of the next queries beside these.
  static constexpr int kChunkUnroll = kHead == 128 ? 1 : 2;
  static constexpr int kStatisticsBytes = 2 * 4 * kBlock;  // lse, then delta
  // Q, then dout; the tiles of both stages come before all statistics, which keeps them aligned.
  static constexpr int kStageBytes = 2 * T::kBytes;
  static constexpr int kSharedBytes = 2 * kStageBytes + 2 * kStatisticsBytes;

  struct State {
    U32 k[kHead / 16][4], v[kHead / 16][4];
    KeyGradientSums<Warp, kHead> sums;
  };
  /// kQueries of an item's block, from `first`.
  struct Queries {
    std::int32_t item;
    std::uint32_t first;
  };

  DNABIRD_DEVICE static void begin(Cta& cta, const AttentionView& a, const HeadPlace& place,
                                   const WorkUnit& unit, std::int32_t keys,
                                   typename Cta::template PerWarp<State>& states) {
    const std::uint32_t shared = cta.shared_address();
    ForwardUnit<Cta, kHead>::load_pair(cta, a, place, unit.block, unit.block * kBlock + keys,
                                       shared);
    cta.template wait_for_copies<0>();
    cta.barrier();
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      load_a_fragments<T>(warp, shared, warp.index() * 16U, state.k);
      load_a_fragments<T>(warp, shared + T::kBytes, warp.index() * 16U, state.v);
      state.sums.clear();
    });
    cta.barrier();
  }

  DNABIRD_DEVICE static void load_queries(Cta& cta, const AttentionView& a, const HeadPlace& place,
                                          std::int32_t block, std::int32_t length, int stage) {
    const std::int32_t valid = valid_rows(length, block, kBlock);
    const std::uint32_t tiles = cta.shared_address() + stage * kStageBytes;
    const std::uint32_t statistics =
        cta.shared_address() + 2 * kStageBytes + stage * kStatisticsBytes;
    const std::int64_t row0 = place.in_rows(a, std::int64_t{block} * kBlock);
    cta.each_warp([&](Warp& warp) {
      load_tile<T, 32 * kWarps>(warp, tiles,
                                rows_of_qkv<kHead>(a, place, Part::query, block, valid));
      load_tile<T, 32 * kWarps>(warp, tiles + T::kBytes,
                                rows_of_out<kHead>(a, place, a.dout, block, valid));
      // Two warps take lse, the others delta, a float for each lane.
      const bool first_half = warp.index() < 2;
      const auto row = warp.lane() + (warp.index() % 2) * 32U;
      warp.copy4_async(row * 4U + (statistics + (first_half ? 0U : 4U * kBlock)),
                       (first_half ? a.log_sum_exp : a.delta) + row0, row * 4U,
                       row < static_cast<std::uint32_t>(valid));
    });
    cta.commit_copies();
  }

  DNABIRD_DEVICE static void take_queries(Warp& warp, State& state, const AttentionView& a,
                                          std::uint32_t tiles, std::uint32_t statistics,
                                          const Queries& queries) {
    const std::uint32_t first = queries.first;
    F32 s[kQueries / 8][4], ds[kQueries / 8][4];
    U32 fragments[kQueries / 16][4];
    set_zero(s);
    multiply_by_rows<T, kQueries>(warp, state.k, tiles, first, s);
    const ScoreScale scale = scale_of_item<kQueries>(warp, a, queries.item, first, s);
    set_zero(ds);
    multiply_by_rows<T, kQueries>(warp, state.v, tiles + T::kBytes, first, ds);
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kQueries / 8; ++n) {
      const auto column = (accumulator_column(warp.lane()) + (first + 8 * n)) * 4U + statistics;
      F32 lse[2], delta[2];
      warp.load_two(lse[0], lse[1], column);
      warp.load_two(delta[0], delta[1], column + 4U * kBlock);
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) {
        const F32 addend = Warp::fma(lse[e % 2], F32(-kLog2E), F32(scale.addend));
        s[n][e] = Warp::exp2(Warp::fma(s[n][e], F32(scale.factor), addend));
        ds[n][e] = s[n][e] * (ds[n][e] - delta[e % 2]);
      }
    }
    to_a_fragments<kQueries, Warp>(s, fragments);
    multiply_by_columns<T, kQueries>(warp, fragments, tiles + T::kBytes, first, state.sums.dv);
    to_a_fragments<kQueries, Warp>(ds, fragments);
    multiply_by_columns<T, kQueries>(warp, fragments, tiles, first, state.sums.dk);
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, std::uint32_t index) {
    const UnitPlace at = locate(a, a.schedule.units, a.schedule.unit_count, index);
    const WorkUnit unit = a.schedule.units[at.unit];
    const std::int32_t length = a.lengths[at.place.batch];
    const std::int32_t keys = valid_rows(length, unit.block, kBlock);
    if (keys == 0 && unit.slot >= 0) return;
    const std::int32_t end = keys == 0 ? unit.begin : used_end(a, unit, length);
    const std::uint32_t shared = cta.shared_address();
    typename Cta::template PerWarp<State> states;
    begin(cta, a, at.place, unit, keys, states);
    const auto load = [&](std::int32_t i, int stage) {
      load_queries(cta, a, at.place, a.schedule.items[i].block, length, stage);
    };
    if (unit.begin < end) load(unit.begin, 0);
    walk_items(cta, unit.begin, end, load, [&](std::int32_t i, int stage) {
      cta.each_warp([&](Warp& warp) {
        DNABIRD_UNROLL_CHUNKS
        for (std::uint32_t first = 0; first < kBlock; first += kQueries) {
          take_queries(warp, states[warp], a, shared + stage * kStageBytes,
                       shared + 2 * kStageBytes + stage * kStatisticsBytes, {i, first});
        }
      });
    });
    cta.each_warp([&](Warp& warp) {
      // Reads again what the loop would otherwise hold registers for.
      finish_key_gradient<kHead>(warp, a, at.place, a.schedule.units[at.unit],
                                 a.lengths[at.place.batch], states[warp].sums);
    });
  }
};

}  // namespace dnabird::kernels::cuda
