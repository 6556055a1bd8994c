// Block attention forward for one unit of the schedule on sm_90a; formulas and results are those of
// forward.h. S = Q K^T comes from tiles in shared memory, O += P V takes P from
// registers. The product S of pair j runs beside P V of pair j - 1, which covers the exponentials
// of pair j:
//   start S(j); start P(j-1) V(j-1); wait for S(j); softmax of S(j); wait for P V(j-1); scale O.
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
  static constexpr int kSharedBytes = kAddends + 4 * kPairStages;
  std::uint32_t base;

  DNABIRD_HD QueryStages queries() const { return {base, base + kBarriers}; }
  DNABIRD_HD PairStages keys() const {
    return {base + kKeys, base + kBarriers + QueryStages::kBarrierBytes};
  }
  DNABIRD_HD PairStages values() const {
    return {base + kValues, keys().barriers + PairStages::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t unit(std::int32_t turn) const {
    return base + kUnits + QueryStages::stage(turn) * sizeof(UnitWork);
  }
  DNABIRD_HD std::uint32_t addend(std::int32_t use) const {
    return base + kAddends + PairStages::stage(use) * 4;
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

    DNABIRD_DEVICE void begin(Cta& cta) {
      cta.prefetch(maps.qkv);
      walk.begin(cta);
    }
    DNABIRD_DEVICE Load load_next(Cta& cta) {
      return walk.step(cta, [&] { return walk.next < 0 ? load_queries(cta) : load_pair(cta); });
    }
    DNABIRD_DEVICE bool load_queries(Cta& cta) const {
      const auto stages = layout.queries();
      const std::uint32_t full = stages.full(walk.turn);
      if (!stages.is_free(cta, walk.turn)) return false;
      cta.hand_over(layout.unit(walk.turn), walk.work);
      cta.expect_bytes(full, walk.work.pairs > 0 ? T::kBytes : 0);
      if (walk.work.pairs > 0) {
        load_boxes<T>(cta, stages.at(walk.turn), full, maps.qkv,
                      box_of_qkv(a, walk.work.place, Part::query, walk.work.unit.block));
      }
      return true;
    }
    DNABIRD_DEVICE bool load_pair(Cta& cta) const {
      const bool key = walk.next % 2 == 0;
      const std::int32_t use = walk.use();
      const auto stages = key ? layout.keys() : layout.values();
      if (!stages.is_free(cta, use)) return false;
      if (key) cta.hand_over(layout.addend(use), walk.item.log2_multiplicity);
      cta.expect_bytes(stages.full(use), T::kBytes);
      load_boxes<T>(cta, stages.at(use), stages.full(use), maps.qkv,
                    box_of_qkv(a, walk.work.place, key ? Part::key : Part::value, walk.item.block));
      return true;
    }
  };

  /// Returns log2 m of the pair.
  DNABIRD_DEVICE static float start_scores(Cta& cta, const Layout& layout, const Turn& t,
                                           std::int32_t pair, States& states) {
    const std::int32_t use = t.pairs_before + pair;
    layout.keys().wait(cta, use);
    const float log2_multiplicity = cta.template read_shared<float>(layout.addend(use));
    const std::uint32_t queries = layout.queries().at(Cta::uniform(t.turn));
    const std::uint32_t keys = layout.keys().at(Cta::uniform(use));
    cta.each_warp([&](Warp& warp) {
      warp.start_products();
      start_rows_product<T, kBlock>(warp, queries, keys, 0, states[warp].s);
      warp.commit_products();
    });
    return log2_multiplicity;
  }
  DNABIRD_DEVICE static void start_values(Cta& cta, const Layout& layout, std::int32_t use,
                                          States& states) {
    const std::uint32_t values = layout.values().at(Cta::uniform(use));
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.start_products();
      start_columns_product<T, kBlock>(warp, state.p, values, 0, state.rows.out);
      warp.commit_products();
    });
  }

  /// The softmax of scores that have come: the warp's tile of keys is free again.
  DNABIRD_DEVICE static void take_scores(Cta& cta, Warp& warp, const AttentionView& a,
                                         const Turn& t, std::int32_t pair, float log2_multiplicity,
                                         State& state, F32 (&shrink)[2]) {
    Layout{cta.shared_address()}.keys().release(cta, warp, t.pairs_before + pair);
    warp.keep(state.s);
    if (pair == t.pairs - 1 && t.last_valid < kBlock) {
      mask_keys<kBlock>(warp, t.last_valid, state.s);
    }
    const ScoreScale scale =
        scale_of_pair(warp, a, t.first_item + pair, log2_multiplicity, state.s);
    state.rows.template take_scores<kBlock>(state.s, scale.factor, scale.addend, shrink);
  }

  // The first pair stands apart: with a branch around what is in flight, ptxas would let nothing
  // be in flight.
  DNABIRD_DEVICE static void take_first(Cta& cta, const AttentionView& a, const Layout& layout,
                                        const Turn& t, States& states) {
    const float log2_multiplicity = start_scores(cta, layout, t, 0, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<0>();
      F32 shrink[2];
      take_scores(cta, warp, a, t, 0, log2_multiplicity, state, shrink);
      to_a_fragments<kBlock, Warp>(state.s, state.p);
    });
  }
  DNABIRD_DEVICE static void take_next(Cta& cta, const AttentionView& a, const Layout& layout,
                                       const Turn& t, std::int32_t pair, States& states) {
    const std::int32_t use = t.pairs_before + pair;
    const float log2_multiplicity = start_scores(cta, layout, t, pair, states);
    layout.values().wait(cta, use - 1);
    start_values(cta, layout, use - 1, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<1>();
      F32 shrink[2];
      take_scores(cta, warp, a, t, pair, log2_multiplicity, state, shrink);
      warp.template wait_for_products<0>();
      layout.values().release(cta, warp, use - 1);
      warp.keep(state.rows.out);
      state.rows.shrink_out(shrink);
      to_a_fragments<kBlock, Warp>(state.s, state.p);
    });
  }
  DNABIRD_DEVICE static void take_pairs(Cta& cta, const AttentionView& a, const Layout& layout,
                                        const Turn& t, States& states) {
    take_first(cta, a, layout, t, states);
    for (std::int32_t pair = 1; pair < t.pairs; ++pair) {
      take_next(cta, a, layout, t, pair, states);
    }
    const std::int32_t last = t.pairs_before + t.pairs - 1;
    layout.values().wait(cta, last);
    if (t.last_valid < kBlock) {
      cta.each_warp(
          [&](Warp& warp) { clear_rows<T>(warp, layout.values().at(last), t.last_valid); });
      cta.share_writes();
    }
    start_values(cta, layout, last, states);
    cta.each_warp([&](Warp& warp) {
      warp.template wait_for_products<0>();
      layout.values().release(cta, warp, last);
      warp.keep(states[warp].rows.out);
    });
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
    Turn t{};
    for (;; ++t.turn) {
      layout.queries().wait(cta, t.turn);
      t.template take<Cta>(cta.template read_shared<UnitWork>(layout.unit(t.turn)));
      if (t.pairs == UnitWork::kEnd) return;
      cta.each_warp([&](Warp& warp) { states[warp].rows.clear(); });
      if (t.pairs > 0) take_pairs(cta, a, layout, t, states);
      t.pairs_before += t.pairs;
      // Read again, so that it needs no registers beside the pairs.
      const auto work = cta.template read_shared<UnitWork>(layout.unit(t.turn));
      cta.each_warp([&](Warp& warp) {
        layout.queries().release(cta, warp, t.turn);
        finish_forward<kHead>(warp, a, work.place, work.unit, work.length, states[warp].rows);
      });
    }
  }
};

}  // namespace dnabird::kernels::cuda
