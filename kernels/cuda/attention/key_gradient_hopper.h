// The pass of block attention's backward over columns on sm_90a; formulas and results are those of
// key_gradient.h. K and V stay in shared memory; P^T and dS^T pass in registers. With dout come
// what is added to scores, log2 m - log2(e) lse, and delta; lse and delta are 0 for queries beyond
// the length.
#pragma once

#include "kernels/cuda/attention/hopper_pipeline.h"
#include "kernels/cuda/attention/key_gradient.h"

namespace dnabird::kernels::cuda {

/// Shared memory: two stages of K with V, of Q, and of dout; with K the unit, with dout the addends
/// of scores and delta; barriers.
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
  static constexpr std::uint32_t kStatisticsBytes = 2 * 4 * kBlock;  // addends, then delta
  static constexpr std::uint32_t kBarriers = kStatistics + kPairStages * kStatisticsBytes;
  static constexpr int kSharedBytes =
      kBarriers + ColumnStages::kBarrierBytes + 2 * PairStages::kBarrierBytes;
  std::uint32_t base;

  DNABIRD_HD ColumnStages columns() const { return {base, base + kBarriers}; }
  DNABIRD_HD PairStages queries() const {
    return {base + kQueries, base + kBarriers + ColumnStages::kBarrierBytes};
  }
  DNABIRD_HD PairStages douts() const {
    return {base + kDouts, queries().barriers + PairStages::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t key(std::uint32_t stage) const { return columns().at(stage); }
  DNABIRD_HD std::uint32_t value(std::uint32_t stage) const { return key(stage) + T::kBytes; }
  DNABIRD_HD std::uint32_t unit(const typename ColumnStages::Use& use) const {
    return base + kUnits + use.stage * sizeof(UnitWork);
  }
  DNABIRD_HD std::uint32_t statistics(const typename PairStages::Use& use) const {
    return base + kStatistics + use.stage * kStatisticsBytes;
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
    typename Layout::ColumnStages::Use unit{};
    typename Layout::PairStages::Use query{}, dout{};
    F32 lse[2]{}, delta[2]{};  // of the pair

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
    DNABIRD_DEVICE bool load_columns(Cta& cta) {
      const UnitWork& work = walk.work;
      const auto stages = layout.columns();
      const std::uint32_t full = stages.full(unit);
      if (!stages.is_free(cta, unit)) return false;
      cta.hand_over(layout.unit(unit), work);
      cta.expect_bytes(full, work.pairs > 0 ? 2 * T::kBytes : 0);
      if (work.pairs > 0) {
        load_boxes<T>(cta, layout.key(unit.stage), full, maps.qkv,
                      box_of_qkv(a, work.place, Part::key, work.unit.block));
        load_boxes<T>(cta, layout.value(unit.stage), full, maps.qkv,
                      box_of_qkv(a, work.place, Part::value, work.unit.block));
      }
      unit.advance();
      return true;
    }
    DNABIRD_DEVICE bool load_queries(Cta& cta) {
      // Asked for now, they have come when dout's stage is free.
      load_statistic(cta, a, a.log_sum_exp, walk.work, walk.item.block, 0.0F, lse);
      load_statistic(cta, a, a.delta, walk.work, walk.item.block, 0.0F, delta);
      return load_tile<T>(cta, layout.queries(), query, maps.qkv,
                          box_of_qkv(a, walk.work.place, Part::query, walk.item.block));
    }
    /// A stage of dout is full with its tile and with its statistics.
    DNABIRD_DEVICE bool load_dout(Cta& cta) {
      const auto stages = layout.douts();
      if (!stages.is_free(cta, dout)) return false;
      cta.expect_bytes(stages.full(dout), T::kBytes);
      load_boxes<T>(cta, stages.at(dout.stage), stages.full(dout), maps.dout,
                    box_of_out(walk.work.place, walk.item.block));
      // Granules have multiplicities of their own.
      const float bias = a.schedule.granules != nullptr ? 0.0F : walk.item.log2_multiplicity;
      F32 addend[2];
      DNABIRD_UNROLL
      for (int half = 0; half < 2; ++half) {
        addend[half] = Warp::fma(lse[half], F32(-kLog2E), F32(bias));
      }
      store_statistic(cta, layout.statistics(dout), addend);
      store_statistic(cta, layout.statistics(dout) + 4 * kBlock, delta);
      cta.arrive_joined(stages.full(dout));
      dout.advance();
      return true;
    }
  };

  struct Place : Turn {
    typename Layout::ColumnStages::Use unit;
    typename Layout::PairStages::Use pair;
  };
  /// Addresses of a pair's tiles and statistics.
  struct PairTiles {
    std::uint32_t key, value, query, dout, statistics;
  };

  /// P^T of scores that have come.
  DNABIRD_DEVICE static void take_scores(Warp& warp, const AttentionView& a, std::int32_t item,
                                         const U32& column, State& state) {
    const float factor = scale_of_pair(warp, a, item, 0.0F, state.s).factor;
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kBlock / 8; ++n) {
      F32 addend[2];
      warp.load_two(addend[0], addend[1], column + 32U * n);
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) {
        state.s[n][e] = Warp::exp2(Warp::fma(state.s[n][e], F32(factor), addend[e % 2]));
      }
    }
    to_a_fragments<kBlock, Warp>(state.s, state.p);
  }
  /// dS^T of dP^T that has come. P is taken as rounded, so that P in f32 needs no registers beside
  /// dP, and dP - delta is rounded to bf16 too, two of which are one product.
  DNABIRD_DEVICE static void take_gradients(Warp& warp, const U32& column, State& state) {
    DNABIRD_UNROLL
    for (std::uint32_t n = 0; n < kBlock / 8; ++n) {
      F32 delta[2];
      warp.load_two(delta[0], delta[1], column + (4U * kBlock + 32U * n));
      DNABIRD_UNROLL
      for (std::uint32_t half = 0; half < 2; ++half) {
        const U32 rest =
            Warp::pack_bf16(state.dp[n][2 * half] - delta[0], state.dp[n][2 * half + 1] - delta[1]);
        // As to_a_fragments orders them.
        const std::uint32_t i = n % 2 * 2 + half;
        state.ds[n / 2][i] = Warp::multiply_bf16(state.p[n / 2][i], rest);
      }
    }
  }

  DNABIRD_DEVICE static void take_queries(Warp& warp, State& state, const AttentionView& a,
                                          const PairTiles& tiles, std::int32_t item) {
    warp.start_products();
    start_rows_product<T, kBlock>(warp, tiles.key, tiles.query, 0, state.s);
    warp.commit_products();
    start_rows_product<T, kBlock>(warp, tiles.value, tiles.dout, 0, state.dp);
    warp.commit_products();
    warp.template wait_for_products<1>();
    warp.keep(state.s);
    const U32 column = accumulator_column(warp.lane()) * 4U + tiles.statistics;
    take_scores(warp, a, item, column, state);
    warp.start_products();
    start_columns_product<T, kBlock>(warp, state.p, tiles.dout, 0, state.sums.dv);
    warp.commit_products();
    warp.template wait_for_products<1>();
    warp.keep(state.dp);
    take_gradients(warp, column, state);
    warp.start_products();
    start_columns_product<T, kBlock>(warp, state.ds, tiles.query, 0, state.sums.dk);
    warp.commit_products();
    warp.template wait_for_products<0>();
    warp.keep(state.sums.dv);
    warp.keep(state.sums.dk);
  }

  DNABIRD_DEVICE static void take_pair(Cta& cta, const AttentionView& a, const Layout& layout,
                                       Place& at, std::int32_t pair, States& states) {
    const std::uint32_t columns = Cta::uniform(at.unit.stage), stage = Cta::uniform(at.pair.stage);
    const PairTiles tiles{layout.key(columns), layout.value(columns), layout.queries().at(stage),
                          layout.douts().at(stage), layout.statistics(at.pair)};
    layout.queries().wait(cta, at.pair);
    layout.douts().wait(cta, at.pair);
    if (at.valid(pair) < kBlock) {
      cta.each_warp([&](Warp& warp) {
        clear_rows<T>(warp, tiles.query, at.last_valid);
        clear_rows<T>(warp, tiles.dout, at.last_valid);
      });
      cta.share_writes();
    }
    cta.each_warp([&](Warp& warp) {
      take_queries(warp, states[warp], a, tiles, at.first_item + pair);
      layout.queries().release(cta, warp, at.pair);
      layout.douts().release(cta, warp, at.pair);
    });
    at.pair.advance();
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
    Place at{};
    for (;; at.unit.advance()) {
      layout.columns().wait(cta, at.unit);
      at.template take<Cta>(cta.template read_shared<UnitWork>(layout.unit(at.unit)));
      if (at.pairs == UnitWork::kEnd) return;
      cta.each_warp([&](Warp& warp) { states[warp].sums.clear(); });
      for (std::int32_t pair = 0; pair < at.pairs; ++pair) {
        take_pair(cta, a, layout, at, pair, states);
      }
      // Read again, so that it needs no registers beside the pairs.
      const auto work = cta.template read_shared<UnitWork>(layout.unit(at.unit));
      cta.each_warp([&](Warp& warp) {
        layout.columns().release(cta, warp, at.unit);
        finish_key_gradient<kHead>(warp, a, work.place, work.unit, work.length, states[warp].sums);
      });
    }
  }
};

}  // namespace dnabird::kernels::cuda
