// The pass of block attention's backward over rows on sm_90a; formulas and results are those of
// query_gradient.h. Q and dout stay in shared memory, dS passes in registers. Thread
// blocks that share a multiprocessor cover each other's exponentials.
#pragma once

#include "kernels/cuda/attention/hopper_pipeline.h"
#include "kernels/cuda/attention/query_gradient.h"

namespace dnabird::kernels::cuda {

/// Shared memory: two stages of Q with dout (one for heads of 128, which leave room for no more),
/// of K, and of V or out; with Q the unit and lse, with K log2 m; barriers.
template <int kHead>
struct QueryGradientLayout {
  using T = Tile<kBlock, kHead>;
  using RowStages = Stages<2 * T::kBytes, kHead == 128 ? 1 : 2>;
  static constexpr int kKeyStages = 2;
  using KeyStages = Stages<T::kBytes, kKeyStages>;
  using ValueStages = Stages<T::kBytes, 2>;
  static constexpr std::uint32_t kKeys = RowStages::kAllBytes;
  static constexpr std::uint32_t kValues = kKeys + KeyStages::kAllBytes;
  static constexpr std::uint32_t kUnits = kValues + ValueStages::kAllBytes;
  static constexpr std::uint32_t kStatistics = kUnits + RowStages::kCount * sizeof(UnitWork);
  static constexpr std::uint32_t kBarriers = kStatistics + RowStages::kCount * 4 * kBlock;
  static constexpr std::uint32_t kAddends =
      kBarriers + RowStages::kBarrierBytes + KeyStages::kBarrierBytes + ValueStages::kBarrierBytes;
  static constexpr int kSharedBytes = kAddends + 8 * kKeyStages;
  std::uint32_t base;

  DNABIRD_HD RowStages rows() const { return {base, base + kBarriers}; }
  DNABIRD_HD KeyStages keys() const {
    return {base + kKeys, base + kBarriers + RowStages::kBarrierBytes};
  }
  DNABIRD_HD ValueStages values() const {
    return {base + kValues, keys().barriers + KeyStages::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t query(std::uint32_t stage) const { return rows().at(stage); }
  DNABIRD_HD std::uint32_t dout(std::uint32_t stage) const { return rows().at(stage) + T::kBytes; }
  DNABIRD_HD std::uint32_t unit(const typename RowStages::Use& use) const {
    return base + kUnits + use.stage * sizeof(UnitWork);
  }
  DNABIRD_HD std::uint32_t lse(const typename RowStages::Use& use) const {
    return base + kStatistics + use.stage * 4 * kBlock;
  }
  /// As far apart as barriers: one address names all that is of a stage.
  DNABIRD_HD std::uint32_t addend(const typename KeyStages::Use& use) const {
    return base + kAddends + use.stage * 8;
  }
};

template <class Cta, int kHead>
struct HopperQueryGradient {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  using Layout = QueryGradientLayout<kHead>;
  static constexpr int kSharedBytes = Layout::kSharedBytes;

  struct State {
    F32 s[kBlock / 8][4], dp[kBlock / 8][4];
    U32 ds[kBlock / 16][4];
    F32 dq[kHead / 8][4];
    F32 minus_lse[2], delta[2];
  };
  using States = typename Cta::template PerWarp<State>;

  /// Of each unit Q and dout, then out through a stage of V, then K and V of each pair in turn.
  struct Producer {
    const AttentionView& a;
    const typename Cta::Maps& maps;
    Layout layout;
    UnitWalk<Cta, 2> walk;
    typename Layout::RowStages::Use unit{};
    typename Layout::KeyStages::Use key{};
    typename Layout::ValueStages::Use value{};  // of each unit that has pairs, out comes first

    DNABIRD_DEVICE void begin(Cta& cta) {
      cta.prefetch(maps.qkv);
      cta.prefetch(maps.dout);
      cta.prefetch(maps.out);
      walk.begin(cta);
    }
    DNABIRD_DEVICE Load load_next(Cta& cta) {
      return walk.step(cta, [&] {
        return walk.next == -2      ? load_rows(cta)
               : walk.next == -1    ? load_out(cta)
               : walk.next % 2 == 0 ? load_keys<T>(cta, *this)
                                    : load_values<T>(cta, *this);
      });
    }
    DNABIRD_DEVICE bool load_rows(Cta& cta) {
      const UnitWork& work = walk.work;
      const auto stages = layout.rows();
      const std::uint32_t full = stages.full(unit);
      F32 lse[2];
      if (work.pairs > 0) {
        load_statistic(cta, a, a.log_sum_exp, work, work.unit.block, __builtin_inff(), lse);
      }
      if (!stages.is_free(cta, unit)) return false;
      cta.hand_over(layout.unit(unit), work);
      if (work.pairs > 0) {
        store_statistic(cta, layout.lse(unit), lse);
        cta.join_lanes();
      }
      cta.expect_bytes(full, work.pairs > 0 ? 2 * T::kBytes : 0);
      if (work.pairs > 0) {
        load_boxes<T>(cta, layout.query(unit.stage), full, maps.qkv,
                      box_of_qkv(a, work.place, Part::query, work.unit.block));
        load_boxes<T>(cta, layout.dout(unit.stage), full, maps.dout,
                      box_of_out(work.place, work.unit.block));
      }
      unit.advance();
      return true;
    }
    DNABIRD_DEVICE bool load_out(Cta& cta) {
      return load_tile<T>(cta, layout.values(), value, maps.out,
                          box_of_out(walk.work.place, walk.work.unit.block));
    }
  };

  struct Place : Turn {
    typename Layout::RowStages::Use unit;
    typename Layout::KeyStages::Use key;
    typename Layout::ValueStages::Use value;
  };

  DNABIRD_DEVICE static void begin(Cta& cta, const AttentionView& a, const Layout& layout,
                                   Place& at, const UnitWork& work, States& states) {
    layout.values().wait(cta, at.value);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      U32 dout[kHead / 16][4], out[kHead / 16][4];
      load_a_fragments<T>(warp, layout.dout(at.unit.stage), warp.index() * 16U, dout);
      load_a_fragments<T>(warp, layout.values().at(at.value.stage), warp.index() * 16U, out);
      multiply_fragments<kHead, Warp>(dout, out, state.delta);
      layout.values().release(cta, warp, at.value);
      store_delta(warp, a, work.place, work.unit, work.length, state.delta);
      DNABIRD_UNROLL
      for (std::uint32_t half = 0; half < 2; ++half) {
        const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
        state.minus_lse[half] = warp.load_shared(row * 4U + layout.lse(at.unit)) * F32(-kLog2E);
      }
    });
    at.value.advance();
  }

  /// P of scores that have come.
  DNABIRD_DEVICE static void take_scores(Warp& warp, const AttentionView& a, std::int32_t item,
                                         float log2_multiplicity, State& state) {
    const ScoreScale scale = scale_of_pair(warp, a, item, log2_multiplicity, state.s);
    const F32 addend[2] = {state.minus_lse[0] + F32(scale.addend),
                           state.minus_lse[1] + F32(scale.addend)};
    DNABIRD_UNROLL
    for (int n = 0; n < kBlock / 8; ++n) {
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) {
        state.s[n][e] = Warp::exp2(Warp::fma(state.s[n][e], F32(scale.factor), addend[e / 2]));
      }
    }
  }

  DNABIRD_DEVICE static void take_pair(Cta& cta, const AttentionView& a, const Layout& layout,
                                       Place& at, std::int32_t pair, States& states) {
    const std::int32_t valid = at.valid(pair);
    const std::uint32_t rows = Cta::uniform(at.unit.stage);
    const std::uint32_t keys = layout.keys().at(Cta::uniform(at.key.stage));
    const std::uint32_t values = layout.values().at(Cta::uniform(at.value.stage));
    layout.keys().wait(cta, at.key);
    layout.values().wait(cta, at.value);
    const float log2_multiplicity = cta.template read_shared<float>(layout.addend(at.key));
    if (valid < kBlock) {
      cta.each_warp([&](Warp& warp) {
        clear_rows<T>(warp, keys, valid);
        clear_rows<T>(warp, values, valid);
      });
      cta.share_writes();
    }
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.start_products();
      start_rows_product<T, kBlock>(warp, layout.query(rows), keys, 0, state.s);
      warp.commit_products();
      start_rows_product<T, kBlock>(warp, layout.dout(rows), values, 0, state.dp);
      warp.commit_products();
      warp.template wait_for_products<1>();
      warp.keep(state.s);
      if (valid < kBlock) mask_keys<kBlock>(warp, valid, state.s);
      take_scores(warp, a, at.first_item + pair, log2_multiplicity, state);
      warp.template wait_for_products<0>();
      warp.keep(state.dp);
      layout.values().release(cta, warp, at.value);
      DNABIRD_UNROLL
      for (int n = 0; n < kBlock / 8; ++n) {
        DNABIRD_UNROLL
        for (int e = 0; e < 4; ++e) {
          state.s[n][e] = state.s[n][e] * (state.dp[n][e] - state.delta[e / 2]);
        }
      }
      to_a_fragments<kBlock, Warp>(state.s, state.ds);
      warp.start_products();
      start_columns_product<T, kBlock>(warp, state.ds, keys, 0, state.dq);
      warp.commit_products();
      warp.template wait_for_products<0>();
      warp.keep(state.dq);
      layout.keys().release(cta, warp, at.key);
    });
    at.key.advance();
    at.value.advance();
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, const typename Cta::Maps& maps,
                                 const UnitShare& share) {
    const Layout layout{cta.shared_address()};
    cta.start_barriers([&] {
      layout.rows().start(cta);
      layout.keys().start(cta);
      layout.values().start(cta);
    });
    Producer producer{a, maps, layout, {a, share}};
    if (cta.run_producer(producer)) return;

    States states;
    Place at{};
    for (;; at.unit.advance()) {
      layout.rows().wait(cta, at.unit);
      cta.each_warp([&](Warp& warp) { set_zero(states[warp].dq); });
      {
        const auto work = cta.template read_shared<UnitWork>(layout.unit(at.unit));
        at.template take<Cta>(work);
        if (at.pairs == UnitWork::kEnd) return;
        if (at.pairs > 0) begin(cta, a, layout, at, work, states);
      }
      for (std::int32_t pair = 0; pair < at.pairs; ++pair) {
        take_pair(cta, a, layout, at, pair, states);
      }
      // Read again, so that it needs no registers beside the pairs.
      const auto work = cta.template read_shared<UnitWork>(layout.unit(at.unit));
      cta.each_warp([&](Warp& warp) {
        layout.rows().release(cta, warp, at.unit);
        finish_query_gradient<kHead>(warp, a, work.place, work.unit, work.length, states[warp].dq);
      });
    }
  }
};

}  // namespace dnabird::kernels::cuda
