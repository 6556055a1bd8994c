// Block attention forward for one unit of the schedule on sm_90a; formulas and results are those of
// forward.h. S = Q K^T comes from tiles in shared memory, O += P V takes P from
// registers. The product S of pair j runs beside P V of pair j - 1, which covers the exponentials
// of pair j:
//   start S(j); start P(j-1) V(j-1); wait for S(j); softmax of S(j); wait for P V(j-1); scale O.
#pragma once

#include "kernels/cuda/attention/forward.h"
#include "kernels/cuda/attention/hopper_pipeline.h"

namespace dnabird::kernels::cuda {

/// Shared memory: Q, two stages of K, two of V, barriers.
template <int kHead>
struct ForwardLayout {
  using T = Tile<kBlock, kHead>;
  static constexpr std::uint32_t kBarriers = 5 * T::kBytes;
  static constexpr int kSharedBytes = kBarriers + 2 * Ring<T>::kBarrierBytes + 8;
  std::uint32_t base;

  DNABIRD_HD std::uint32_t query() const { return base; }
  DNABIRD_HD Ring<T> keys() const { return {base + T::kBytes, base + kBarriers}; }
  DNABIRD_HD Ring<T> values() const {
    return {base + 3 * T::kBytes, base + kBarriers + Ring<T>::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t query_full() const {
    return base + kBarriers + 2 * Ring<T>::kBarrierBytes;
  }
};

/// A unit, and how much of it there is.
struct UnitWork {
  UnitPlace at;
  WorkUnit unit;
  std::int32_t length;  // of the sequence
  std::int32_t rows;    // of the unit's block below it
  std::int32_t pairs;   // items below it, 0 if rows is

  DNABIRD_HD static UnitWork of(const AttentionView& a, std::uint32_t index) {
    UnitWork w{};
    w.at = locate(a, a.schedule.units, index);
    w.unit = a.schedule.units[w.at.unit];
    w.length = a.lengths[w.at.place.batch];
    w.rows = valid_rows(w.length, w.unit.block, kBlock);
    w.pairs = w.rows == 0 ? 0 : used_end(a, w.unit, w.length) - w.unit.begin;
    return w;
  }
  DNABIRD_HD std::int32_t item(std::int32_t pair) const { return unit.begin + pair; }
  DNABIRD_HD std::int32_t block(const AttentionView& a, std::int32_t pair) const {
    return a.schedule.items[item(pair)].block;
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

  /// Q, then K and V of each pair in turn.
  struct Producer {
    const AttentionView& a;
    const typename Cta::Maps& maps;
    const UnitWork& work;
    Layout layout;
    std::int32_t next = -1;

    DNABIRD_DEVICE Load load_next(Cta& cta) {
      if (next >= 2 * work.pairs || work.pairs == 0) return Load::none_left;
      if (next < 0) {
        cta.expect_bytes(layout.query_full(), T::kBytes);
        Ring<T>::load_boxes(cta, layout.query(), layout.query_full(), maps.qkv,
                            box_of_qkv(a, work.at.place, Part::query, work.unit.block));
      } else {
        const std::int32_t pair = next / 2, block = work.block(a, pair);
        const bool key = next % 2 == 0;
        const Ring<T> ring = key ? layout.keys() : layout.values();
        const BoxPlace box = box_of_qkv(a, work.at.place, key ? Part::key : Part::value, block);
        if (!ring.load(cta, pair, maps.qkv, box)) return Load::blocked;
      }
      ++next;
      return Load::started;
    }
  };

  DNABIRD_DEVICE static void start_scores(Cta& cta, const Layout& layout, std::int32_t pair,
                                          typename Cta::template PerWarp<State>& states) {
    layout.keys().wait(cta, pair);
    cta.each_warp([&](Warp& warp) {
      warp.start_products();
      start_rows_product<T, kBlock>(warp, layout.query(), layout.keys().tile(pair), 0,
                                    states[warp].s);
      warp.commit_products();
    });
  }
  DNABIRD_DEVICE static void start_values(Cta& cta, const Layout& layout, std::int32_t pair,
                                          typename Cta::template PerWarp<State>& states) {
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.start_products();
      start_columns_product<T, kBlock>(warp, state.p, layout.values().tile(pair), 0,
                                       state.rows.out);
      warp.commit_products();
    });
  }

  /// The softmax of scores that have come: the warp's tile of keys is free again.
  DNABIRD_DEVICE static void take_scores(Cta& cta, Warp& warp, const AttentionView& a,
                                         const UnitWork& work, std::int32_t pair, State& state,
                                         F32 (&shrink)[2]) {
    Layout{cta.shared_address()}.keys().release(cta, warp, pair);
    warp.keep(state.s);
    const std::int32_t valid = valid_rows(work.length, work.block(a, pair), kBlock);
    if (valid < kBlock) mask_keys<kBlock>(warp, valid, state.s);
    const ScoreScale scale = scale_of_item<kBlock>(warp, a, work.item(pair), 0, state.s);
    state.rows.template take_scores<kBlock>(state.s, scale.factor, scale.addend, shrink);
  }

  // The first pair stands apart: with a branch around what is in flight, ptxas would let nothing
  // be in flight.
  DNABIRD_DEVICE static void take_first(Cta& cta, const AttentionView& a, const UnitWork& work,
                                        const Layout& layout,
                                        typename Cta::template PerWarp<State>& states) {
    start_scores(cta, layout, 0, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<0>();
      F32 shrink[2];
      take_scores(cta, warp, a, work, 0, state, shrink);
      to_a_fragments<kBlock, Warp>(state.s, state.p);
    });
  }
  DNABIRD_DEVICE static void take_next(Cta& cta, const AttentionView& a, const UnitWork& work,
                                       const Layout& layout, std::int32_t pair,
                                       typename Cta::template PerWarp<State>& states) {
    start_scores(cta, layout, pair, states);
    layout.values().wait(cta, pair - 1);
    start_values(cta, layout, pair - 1, states);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      warp.template wait_for_products<1>();
      F32 shrink[2];
      take_scores(cta, warp, a, work, pair, state, shrink);
      warp.template wait_for_products<0>();
      layout.values().release(cta, warp, pair - 1);
      warp.keep(state.rows.out);
      state.rows.shrink_out(shrink);
      to_a_fragments<kBlock, Warp>(state.s, state.p);
    });
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, const typename Cta::Maps& maps,
                                 std::uint32_t index) {
    const UnitWork work = UnitWork::of(a, index);
    if (work.rows == 0 && work.unit.slot >= 0) return;
    const Layout layout{cta.shared_address()};
    cta.start_barriers([&] {
      layout.keys().start(cta);
      layout.values().start(cta);
      cta.start_barrier(layout.query_full(), 1);
    });
    Producer producer{a, maps, work, layout};
    if (cta.run_producer(producer)) return;

    typename Cta::template PerWarp<State> states;
    cta.each_warp([&](Warp& warp) { states[warp].rows.clear(); });
    if (work.pairs > 0) {
      cta.wait(layout.query_full(), 0);
      take_first(cta, a, work, layout, states);
      for (std::int32_t pair = 1; pair < work.pairs; ++pair) {
        take_next(cta, a, work, layout, pair, states);
      }
      const std::int32_t last = work.pairs - 1;
      layout.values().wait(cta, last);
      const std::int32_t valid = valid_rows(work.length, work.block(a, last), kBlock);
      if (valid < kBlock) {
        cta.each_warp([&](Warp& warp) { clear_rows<T>(warp, layout.values().tile(last), valid); });
        cta.share_writes();
      }
      start_values(cta, layout, last, states);
      cta.each_warp([&](Warp& warp) {
        warp.template wait_for_products<0>();
        warp.keep(states[warp].rows.out);
      });
    }
    cta.each_warp([&](Warp& warp) {
      finish_forward<kHead>(warp, a, work.at.place, work.unit, work.length, states[warp].rows);
    });
  }
};

}  // namespace dnabird::kernels::cuda
