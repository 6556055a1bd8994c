// Block attention forward for one unit of the schedule on sm_90a; formulas and results are those of
// forward.h. S = Q K^T comes from tiles in shared memory, O += P V takes P from registers. The
// product S of pair j runs beside P V of pair j - 1; thread blocks that share a multiprocessor
// cover each other's exponentials:
//   start S(j); start P(j-1) V(j-1); wait for both; softmax of S(j).
#pragma once

#include "kernels/cuda/attention/forward.h"
#include "kernels/cuda/attention/hopper_pipeline.h"

namespace dnabird::kernels::cuda {

/// Shared memory: two stages of Q, kPairStages of K and of V; the units of those of Q, log2 m of
/// those of K; barriers.
template <int kHead>
struct ForwardLayout {
  using T = Tile<kBlock, kHead>;
  static constexpr int kPairStages = 2;
  using QueryStages = Stages<T::kBytes, 2>;
  using PairStages = Stages<T::kBytes, kPairStages>;
  static constexpr std::uint32_t kKeys = QueryStages::kAllBytes;
  static constexpr std::uint32_t kValues = kKeys + PairStages::kAllBytes;
  static constexpr std::uint32_t kUnits = kValues + PairStages::kAllBytes;
  static constexpr std::uint32_t kBarriers = kUnits + QueryStages::kCount * sizeof(UnitWork);
  static constexpr std::uint32_t kAddends =
      kBarriers + QueryStages::kBarrierBytes + 2 * PairStages::kBarrierBytes;
  static constexpr int kSharedBytes = kAddends + 8 * kPairStages;
  std::uint32_t base;

  DNABIRD_HD QueryStages queries() const { return {base, base + kBarriers}; }
  DNABIRD_HD PairStages keys() const {
    return {base + kKeys, base + kBarriers + QueryStages::kBarrierBytes};
  }
  DNABIRD_HD PairStages values() const {
    return {base + kValues, keys().barriers + PairStages::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t unit(const typename QueryStages::Use& use) const {
    return base + kUnits + use.stage * sizeof(UnitWork);
  }
  /// As far apart as barriers: one address names all that is of a stage.
  DNABIRD_HD std::uint32_t addend(const typename PairStages::Use& use) const {
    return base + kAddends + use.stage * 8;
  }
};

template <class Cta, int kHead>
struct HopperForward {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  using Layout = ForwardLayout<kHead>;
  static constexpr int kSharedBytes = Layout::kSharedBytes;

  struct State {
    F32 s[kBlock / 8][4];
    U32 p[kBlock / 16][4];
    SoftmaxRows<Warp, kHead> rows;
  };
  using States = typename Cta::template PerWarp<State>;

  /// Of each unit Q, then K and V of each pair in turn.
  struct Producer {
    const AttentionView& a;
    const typename Cta::Maps& maps;
    Layout layout;
    UnitWalk<Cta> walk;
    typename Layout::QueryStages::Use unit{};
    typename Layout::PairStages::Use key{}, value{};

    DNABIRD_DEVICE void begin(Cta& cta) {
      cta.prefetch(maps.qkv);
      walk.begin(cta);
    }
    DNABIRD_DEVICE Load load_next(Cta& cta) {
      return walk.step(cta, [&] {
        return walk.next < 0        ? load_queries(cta)
               : walk.next % 2 == 0 ? load_keys<T>(cta, *this)
                                    : load_values<T>(cta, *this);
      });
    }
    DNABIRD_DEVICE bool load_queries(Cta& cta) {
      const auto stages = layout.queries();
      const std::uint32_t full = stages.full(unit);
      if (!stages.is_free(cta, unit)) return false;
      cta.hand_over(layout.unit(unit), walk.work);
      cta.expect_bytes(full, walk.work.pairs > 0 ? T::kBytes : 0);
      if (walk.work.pairs > 0) {
        load_boxes<T>(cta, stages.at(unit.stage), full, maps.qkv,
                      box_of_qkv(a, walk.work.place, Part::query, walk.work.unit.block));
      }
      unit.advance();
      return true;
    }
  };

  struct Place : Turn {
    typename Layout::QueryStages::Use unit;
    typename Layout::PairStages::Use pair;
  };

  /// Returns log2 m of the pair.
  DNABIRD_DEVICE static float start_scores(Cta& cta, const Layout& layout, const Place& at,
                                           States& states) {
    const std::uint32_t queries = layout.queries().at(Cta::uniform(at.unit.stage));
    const std::uint32_t keys = layout.keys().at(Cta::uniform(at.pair.stage));
    layout.keys().wait(cta, at.pair);
    const float log2_multiplicity = cta.template read_shared<float>(layout.addend(at.pair));
    cta.each_warp([&](Warp& warp) {
      warp.start_products();
      start_rows_product<T, kBlock>(warp, queries, keys, 0, states[warp].s);
      warp.commit_products();
    });
    return log2_multiplicity;
  }
  DNABIRD_DEVICE static void start_values(Cta& cta, std::uint32_t values, States& states) {
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.start_products();
      start_columns_product<T, kBlock>(warp, state.p, values, 0, state.rows.out);
      warp.commit_products();
    });
  }

  /// P of scores that have come; no product is in flight.
  DNABIRD_DEVICE static void take_scores(Warp& warp, const AttentionView& a, const Place& at,
                                         std::int32_t pair, float log2_multiplicity, State& state) {
    if (at.valid(pair) < kBlock) mask_keys<kBlock>(warp, at.last_valid, state.s);
    const ScoreScale scale =
        scale_of_pair(warp, a, at.first_item + pair, log2_multiplicity, state.s);
    state.rows.template take_scores<kBlock>(state.s, scale.factor, scale.addend);
    to_a_fragments<kBlock, Warp>(state.s, state.p);
  }

  DNABIRD_DEVICE static void take_first(Cta& cta, const AttentionView& a, const Layout& layout,
                                        const Place& at, States& states) {
    const float log2_multiplicity = start_scores(cta, layout, at, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<0>();
      layout.keys().release(cta, warp, at.pair);
      warp.keep(state.s);
      take_scores(warp, a, at, 0, log2_multiplicity, state);
    });
  }
  DNABIRD_DEVICE static void take_next(Cta& cta, const AttentionView& a, const Layout& layout,
                                       Place& at, std::int32_t pair, States& states) {
    const auto last = at.pair;
    const std::uint32_t values = layout.values().at(Cta::uniform(last.stage));
    at.pair.advance();
    const float log2_multiplicity = start_scores(cta, layout, at, states);
    layout.values().wait(cta, last);
    start_values(cta, values, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<1>();
      layout.keys().release(cta, warp, at.pair);
      warp.template wait_for_products<0>();
      layout.values().release(cta, warp, last);
      warp.keep(state.s);
      warp.keep(state.rows.out);
      take_scores(warp, a, at, pair, log2_multiplicity, state);
    });
  }
  DNABIRD_DEVICE static void take_pairs(Cta& cta, const AttentionView& a, const Layout& layout,
                                        Place& at, States& states) {
    take_first(cta, a, layout, at, states);
    for (std::int32_t pair = 1; pair < at.pairs; ++pair) {
      take_next(cta, a, layout, at, pair, states);
    }
    const std::uint32_t values = layout.values().at(Cta::uniform(at.pair.stage));
    layout.values().wait(cta, at.pair);
    if (at.last_valid < kBlock) {
      cta.each_warp([&](Warp& warp) { clear_rows<T>(warp, values, at.last_valid); });
      cta.share_writes();
    }
    start_values(cta, values, states);
    cta.each_warp([&](Warp& warp) {
      warp.template wait_for_products<0>();
      layout.values().release(cta, warp, at.pair);
      warp.keep(states[warp].rows.out);
    });
    at.pair.advance();
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, const typename Cta::Maps& maps,
                                 const UnitShare& share) {
    const Layout layout{cta.shared_address()};
    cta.start_barriers([&] {
      layout.queries().start(cta);
      layout.keys().start(cta);
      layout.values().start(cta);
    });
    Producer producer{a, maps, layout, {a, share}};
    if (cta.run_producer(producer)) return;

    States states;
    Place at{};
    for (;; at.unit.advance()) {
      layout.queries().wait(cta, at.unit);
      at.template take<Cta>(cta.template read_shared<UnitWork>(layout.unit(at.unit)));
      if (at.pairs == UnitWork::kEnd) return;
      cta.each_warp([&](Warp& warp) { states[warp].rows.clear(); });
      if (at.pairs > 0) take_pairs(cta, a, layout, at, states);
      // Read again, so that it needs no registers beside the pairs.
      const auto work = cta.template read_shared<UnitWork>(layout.unit(at.unit));
      cta.each_warp([&](Warp& warp) {
        layout.queries().release(cta, warp, at.unit);
        finish_forward<kHead>(warp, a, work.place, work.unit, work.length, states[warp].rows);
      });
    }
  }
};

}  // namespace dnabird::kernels::cuda
