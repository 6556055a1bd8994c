// The pass of block attention's backward over columns on sm_90a; formulas and results are those of
// key_gradient.h. K and V stay in shared memory; P^T and dS^T pass in registers. lse and delta come
// with dout, as 0 for queries beyond the length.
#pragma once

#include "kernels/cuda/attention/hopper_pipeline.h"
#include "kernels/cuda/attention/key_gradient.h"

namespace dnabird::kernels::cuda {

/// Shared memory: two stages of K with V, of Q, and of dout; with K the unit, with Q log2 m, with
/// dout lse and delta; barriers.
template <int kHead>
struct KeyGradientLayout {
  using T = Tile<kBlock, kHead>;
  static constexpr int kPairStages = 2;
  using ColumnStages = Stages<2 * T::kBytes, 2>;
  using PairStages = Stages<T::kBytes, kPairStages>;
  static constexpr std::uint32_t kQueries = ColumnStages::kAllBytes;
  static constexpr std::uint32_t kDouts = kQueries + PairStages::kAllBytes;
  static constexpr std::uint32_t kUnits = kDouts + PairStages::kAllBytes;
  static constexpr std::uint32_t kStatistics = kUnits + ColumnStages::kCount * sizeof(UnitWork);
  static constexpr std::uint32_t kStatisticsBytes = 2 * 4 * kBlock;  // lse, then delta
  static constexpr std::uint32_t kBarriers = kStatistics + kPairStages * kStatisticsBytes;
  static constexpr std::uint32_t kAddends =
      kBarriers + ColumnStages::kBarrierBytes + 2 * PairStages::kBarrierBytes;
  static constexpr int kSharedBytes = kAddends + 4 * kPairStages;
  std::uint32_t base;

  DNABIRD_HD ColumnStages columns() const { return {base, base + kBarriers}; }
  DNABIRD_HD PairStages queries() const {
    return {base + kQueries, base + kBarriers + ColumnStages::kBarrierBytes};
  }
  DNABIRD_HD PairStages douts() const {
    return {base + kDouts, queries().barriers + PairStages::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t key(std::int32_t turn) const { return columns().at(turn); }
  DNABIRD_HD std::uint32_t value(std::int32_t turn) const { return key(turn) + T::kBytes; }
  DNABIRD_HD std::uint32_t unit(std::int32_t turn) const {
    return base + kUnits + ColumnStages::stage(turn) * sizeof(UnitWork);
  }
  DNABIRD_HD std::uint32_t statistics(std::int32_t use) const {
    return base + kStatistics + PairStages::stage(use) * kStatisticsBytes;
  }
  DNABIRD_HD std::uint32_t addend(std::int32_t use) const {
    return base + kAddends + PairStages::stage(use) * 4;
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
    KeyGradientSums<Warp, kHead> sums;
  };
  using States = typename Cta::template PerWarp<State>;

  /// Of each unit K and V, then Q, and dout with its statistics, of each pair in turn.
  struct Producer {
    const AttentionView& a;
    const typename Cta::Maps& maps;
    Layout layout;
    UnitWalk<Cta> walk;

    DNABIRD_DEVICE void begin(Cta& cta) {
      cta.prefetch(maps.qkv);
      cta.prefetch(maps.dout);
      walk.begin(cta);
    }
    DNABIRD_DEVICE Load load_next(Cta& cta) {
      return walk.step(cta, [&] {
        return walk.next < 0        ? load_columns(cta)
               : walk.next % 2 == 0 ? load_queries(cta)
                                    : load_dout(cta);
      });
    }
    DNABIRD_DEVICE bool load_columns(Cta& cta) const {
      const UnitWork& work = walk.work;
      const auto stages = layout.columns();
      const std::uint32_t full = stages.full(walk.turn);
      if (!stages.is_free(cta, walk.turn)) return false;
      cta.hand_over(layout.unit(walk.turn), work);
      cta.expect_bytes(full, work.pairs > 0 ? 2 * T::kBytes : 0);
      if (work.pairs > 0) {
        load_boxes<T>(cta, layout.key(walk.turn), full, maps.qkv,
                      box_of_qkv(a, work.place, Part::key, work.unit.block));
        load_boxes<T>(cta, layout.value(walk.turn), full, maps.qkv,
                      box_of_qkv(a, work.place, Part::value, work.unit.block));
      }
      return true;
    }
    DNABIRD_DEVICE bool load_queries(Cta& cta) const {
      const auto stages = layout.queries();
      const std::int32_t use = walk.use();
      if (!stages.is_free(cta, use)) return false;
      cta.hand_over(layout.addend(use), walk.item.log2_multiplicity);
      cta.expect_bytes(stages.full(use), T::kBytes);
      load_boxes<T>(cta, stages.at(use), stages.full(use), maps.qkv,
                    box_of_qkv(a, walk.work.place, Part::query, walk.item.block));
      return true;
    }
    /// A stage of dout is full with its tile and with its statistics.
    DNABIRD_DEVICE bool load_dout(Cta& cta) const {
      const auto stages = layout.douts();
      const std::int32_t use = walk.use(), block = walk.item.block;
      F32 lse[2], delta[2];
      load_statistic(cta, a, a.log_sum_exp, walk.work, block, 0.0F, lse);
      load_statistic(cta, a, a.delta, walk.work, block, 0.0F, delta);
      if (!stages.is_free(cta, use)) return false;
      cta.expect_bytes(stages.full(use), T::kBytes);
      load_boxes<T>(cta, stages.at(use), stages.full(use), maps.dout,
                    box_of_out(walk.work.place, block));
      store_statistic(cta, layout.statistics(use), lse);
      store_statistic(cta, layout.statistics(use) + 4 * kBlock, delta);
      cta.arrive_joined(stages.full(use));
      return true;
    }
  };

  struct PairPlace {
    std::int32_t turn, use, item;
    float log2_multiplicity;
  };
  DNABIRD_DEVICE static void take_queries(Warp& warp, State& state, const AttentionView& a,
                                          const Layout& layout, const PairPlace& pair) {
    const std::uint32_t queries = layout.queries().at(pair.use);
    const std::uint32_t douts = layout.douts().at(pair.use);
    warp.start_products();
    start_rows_product<T, kBlock>(warp, layout.key(pair.turn), queries, 0, state.s);
    warp.commit_products();
    start_rows_product<T, kBlock>(warp, layout.value(pair.turn), douts, 0, state.dp);
    warp.commit_products();
    warp.template wait_for_products<1>();
    warp.keep(state.s);
    const ScoreScale scale = scale_of_pair(warp, a, pair.item, pair.log2_multiplicity, state.s);
    const auto column = accumulator_column(warp.lane()) * 4U + layout.statistics(pair.use);
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
    start_columns_product<T, kBlock>(warp, state.p, douts, 0, state.sums.dv);
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
    start_columns_product<T, kBlock>(warp, state.ds, queries, 0, state.sums.dk);
    warp.commit_products();
    warp.template wait_for_products<0>();
    warp.keep(state.sums.dv);
    warp.keep(state.sums.dk);
  }

  DNABIRD_DEVICE static void take_pair(Cta& cta, const AttentionView& a, const Layout& layout,
                                       const Turn& t, std::int32_t pair, States& states) {
    const std::int32_t use = t.pairs_before + pair;
    layout.queries().wait(cta, use);
    layout.douts().wait(cta, use);
    if (pair == t.pairs - 1 && t.last_valid < kBlock) {
      cta.each_warp([&](Warp& warp) {
        clear_rows<T>(warp, layout.queries().at(use), t.last_valid);
        clear_rows<T>(warp, layout.douts().at(use), t.last_valid);
      });
      cta.share_writes();
    }
    const float log2_multiplicity = cta.template read_shared<float>(layout.addend(use));
    const PairPlace place{Cta::uniform(t.turn), Cta::uniform(use), t.first_item + pair,
                          log2_multiplicity};
    cta.each_warp([&](Warp& warp) {
      take_queries(warp, states[warp], a, layout, place);
      layout.queries().release(cta, warp, use);
      layout.douts().release(cta, warp, use);
    });
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, const typename Cta::Maps& maps,
                                 const UnitShare& share) {
    const Layout layout{cta.shared_address()};
    cta.start_barriers([&] {
      layout.columns().start(cta);
      layout.queries().start(cta);
      layout.douts().start(cta, 2);
    });
    Producer producer{a, maps, layout, {a, share}};
    if (cta.run_producer(producer)) return;

    States states;
    Turn t{};
    for (;; ++t.turn) {
      layout.columns().wait(cta, t.turn);
      t.template take<Cta>(cta.template read_shared<UnitWork>(layout.unit(t.turn)));
      if (t.pairs == UnitWork::kEnd) return;
      cta.each_warp([&](Warp& warp) { states[warp].sums.clear(); });
      for (std::int32_t pair = 0; pair < t.pairs; ++pair) {
        take_pair(cta, a, layout, t, pair, states);
      }
      t.pairs_before += t.pairs;
      // Read again, so that it needs no registers beside the pairs.
      const auto work = cta.template read_shared<UnitWork>(layout.unit(t.turn));
      cta.each_warp([&](Warp& warp) {
        layout.columns().release(cta, warp, t.turn);
        finish_key_gradient<kHead>(warp, a, work.place, work.unit, work.length, states[warp].sums);
      });
    }
  }
};

}  // namespace dnabird::kernels::cuda
