// The pass of block attention's backward over columns on sm_90a; formulas and results are those of
// key_gradient.h. K and V stay in shared memory; P^T and dS^T pass in registers. Lanes of
// the producer warp copy lse and delta, whose rows TMA cannot take (a row of T floats need not
// begin at 16 bytes), and write 0 for queries beyond the length.
#pragma once

#include "kernels/cuda/attention/forward_hopper.h"
#include "kernels/cuda/attention/key_gradient.h"

namespace dnabird::kernels::cuda {

/// Shared memory: K, V, two stages of Q, two of dout, two of statistics, barriers.
template <int kHead>
struct KeyGradientLayout {
  using T = Tile<kBlock, kHead>;
  static constexpr std::uint32_t kStatisticsBytes = 2 * 4 * kBlock;  // lse, then delta
  static constexpr std::uint32_t kStatistics = 6 * T::kBytes;
  static constexpr std::uint32_t kBarriers = kStatistics + 2 * kStatisticsBytes;
  static constexpr int kSharedBytes = kBarriers + 2 * Ring<T>::kBarrierBytes + 24;
  std::uint32_t base;

  DNABIRD_HD std::uint32_t key() const { return base; }
  DNABIRD_HD std::uint32_t value() const { return base + T::kBytes; }
  DNABIRD_HD Ring<T> queries() const { return {base + 2 * T::kBytes, base + kBarriers}; }
  DNABIRD_HD Ring<T> douts() const {
    return {base + 4 * T::kBytes, base + kBarriers + Ring<T>::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t statistics(std::int32_t use) const {
    return base + kStatistics + (use & 1) * kStatisticsBytes;
  }
  DNABIRD_HD std::uint32_t columns_full() const {
    return base + kBarriers + 2 * Ring<T>::kBarrierBytes;
  }
  DNABIRD_HD std::uint32_t statistics_full(std::int32_t use) const {
    return columns_full() + 8 + (use & 1) * 8;
  }
};

template <class Cta, int kHead>
struct HopperKeyGradient {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  using Layout = KeyGradientLayout<kHead>;
  static constexpr int kSharedBytes = Layout::kSharedBytes;

  struct State {
    F32 s[kBlock / 8][4], dp[kBlock / 8][4];
    U32 p[kBlock / 16][4], ds[kBlock / 16][4];
    F32 dk[kHead / 8][4], dv[kHead / 8][4];
  };

  /// K and V, then Q, and dout with its statistics, of each pair in turn.
  struct Producer {
    const AttentionView& a;
    const typename Cta::Maps& maps;
    const UnitWork& work;
    Layout layout;
    std::int32_t next = -1;

    DNABIRD_DEVICE Load load_next(Cta& cta) {
      if (next >= 2 * work.pairs || work.pairs == 0) return Load::none_left;
      const HeadPlace& place = work.at.place;
      if (next < 0) {
        const std::uint32_t full = layout.columns_full();
        cta.expect_bytes(full, 2 * T::kBytes);
        Ring<T>::load_boxes(cta, layout.key(), full, maps.qkv,
                            box_of_qkv(a, place, Part::key, work.unit.block));
        Ring<T>::load_boxes(cta, layout.value(), full, maps.qkv,
                            box_of_qkv(a, place, Part::value, work.unit.block));
      } else {
        const std::int32_t pair = next / 2, block = work.block(a, pair);
        if (next % 2 == 0) {
          const BoxPlace box = box_of_qkv(a, place, Part::query, block);
          if (!layout.queries().load(cta, pair, maps.qkv, box)) return Load::blocked;
        } else {
          if (!layout.douts().load(cta, pair, maps.dout, box_of_out(place, block))) {
            return Load::blocked;
          }
          load_statistics(cta, pair, block);
        }
      }
      ++next;
      return Load::started;
    }
    /// The stage is free with that of dout.
    DNABIRD_DEVICE void load_statistics(Cta& cta, std::int32_t pair, std::int32_t block) const {
      const std::int64_t row0 = work.at.place.in_rows(a, std::int64_t{block} * kBlock);
      const std::int32_t valid = valid_rows(work.length, block, kBlock);
      cta.producer_lanes([&](Warp& warp) {
        DNABIRD_UNROLL
        for (std::uint32_t half = 0; half < 2; ++half) {
          const auto row = warp.lane() + 32U * half;
          const auto counts = row < static_cast<std::uint32_t>(valid);
          const F32 lse = warp.load_f32(a.log_sum_exp + row0, row * 4U, counts, 0.0F);
          const F32 delta = warp.load_f32(a.delta + row0, row * 4U, counts, 0.0F);
          warp.store_shared(row * 4U + layout.statistics(pair), lse);
          warp.store_shared(row * 4U + (layout.statistics(pair) + 4U * kBlock), delta);
        }
      });
      cta.arrive_lanes(layout.statistics_full(pair));
    }
  };

  DNABIRD_DEVICE static void take_queries(Warp& warp, State& state, const AttentionView& a,
                                          const UnitWork& work, const Layout& layout,
                                          std::int32_t pair) {
    const std::uint32_t queries = layout.queries().tile(pair), douts = layout.douts().tile(pair);
    warp.start_products();
    start_rows_product<T, kBlock>(warp, layout.key(), queries, 0, state.s);
    warp.commit_products();
    start_rows_product<T, kBlock>(warp, layout.value(), douts, 0, state.dp);
    warp.commit_products();
    warp.template wait_for_products<1>();
    warp.keep(state.s);
    const ScoreScale scale = scale_of_item<kBlock>(warp, a, work.item(pair), 0, state.s);
    const auto column = accumulator_column(warp.lane()) * 4U + layout.statistics(pair);
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kBlock / 8; ++n) {
      F32 lse[2];
      warp.load_two(lse[0], lse[1], column + 32U * n);
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) {
        const F32 addend = Warp::fma(lse[e % 2], F32(-kLog2E), F32(scale.addend));
        state.s[n][e] = Warp::exp2(Warp::fma(state.s[n][e], F32(scale.factor), addend));
      }
    }
    to_a_fragments<kBlock, Warp>(state.s, state.p);
    warp.start_products();
    start_columns_product<T, kBlock>(warp, state.p, douts, 0, state.dv);
    warp.commit_products();
    warp.template wait_for_products<1>();
    warp.keep(state.dp);
    // dS takes P as rounded, so that P in f32 needs no registers beside dP.
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kBlock / 8; ++n) {
      F32 delta[2];
      warp.load_two(delta[0], delta[1], column + (4U * kBlock + 32U * n));
      DNABIRD_UNROLL
      for (std::uint32_t half = 0; half < 2; ++half) {
        const U32 p = state.p[n / 2][n % 2 * 2 + half];
        F32& low = state.dp[n][2 * half];
        F32& high = state.dp[n][2 * half + 1];
        low = Warp::low_bf16(p) * (low - delta[0]);
        high = Warp::high_bf16(p) * (high - delta[1]);
      }
    }
    to_a_fragments<kBlock, Warp>(state.dp, state.ds);
    warp.start_products();
    start_columns_product<T, kBlock>(warp, state.ds, queries, 0, state.dk);
    warp.commit_products();
    warp.template wait_for_products<0>();
    warp.keep(state.dv);
    warp.keep(state.dk);
  }

  DNABIRD_DEVICE static void take_pair(Cta& cta, const AttentionView& a, const UnitWork& work,
                                       const Layout& layout, std::int32_t pair,
                                       typename Cta::template PerWarp<State>& states) {
    const std::int32_t valid = valid_rows(work.length, work.block(a, pair), kBlock);
    layout.queries().wait(cta, pair);
    layout.douts().wait(cta, pair);
    cta.wait(layout.statistics_full(pair), Ring<T>::full_parity(pair));
    if (valid < kBlock) {
      cta.each_warp([&](Warp& warp) {
        clear_rows<T>(warp, layout.queries().tile(pair), valid);
        clear_rows<T>(warp, layout.douts().tile(pair), valid);
      });
      cta.share_writes();
    }
    cta.each_warp([&](Warp& warp) {
      take_queries(warp, states[warp], a, work, layout, pair);
      layout.queries().release(cta, warp, pair);
      layout.douts().release(cta, warp, pair);
    });
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, const typename Cta::Maps& maps,
                                 std::uint32_t index) {
    const UnitWork work = UnitWork::of(a, index);
    if (work.rows == 0 && work.unit.slot >= 0) return;
    const Layout layout{cta.shared_address()};
    cta.start_barriers([&] {
      layout.queries().start(cta);
      layout.douts().start(cta);
      cta.start_barrier(layout.columns_full(), 1);
      cta.start_barrier(layout.statistics_full(0), 32);
      cta.start_barrier(layout.statistics_full(1), 32);
    });
    Producer producer{a, maps, work, layout};
    if (cta.run_producer(producer)) return;

    typename Cta::template PerWarp<State> states;
    cta.each_warp([&](Warp& warp) {
      set_zero(states[warp].dk);
      set_zero(states[warp].dv);
    });
    if (work.pairs > 0) cta.wait(layout.columns_full(), 0);
    for (std::int32_t pair = 0; pair < work.pairs; ++pair) {
      take_pair(cta, a, work, layout, pair, states);
    }
    cta.each_warp([&](Warp& warp) {
      finish_key_gradient<kHead>(warp, a, work.at, states[warp].dk, states[warp].dv);
    });
  }
};

}  // namespace dnabird::kernels::cuda
