// The pass of block attention's backward over rows on sm_90a; formulas and results are those of
// query_gradient.h. Q and dout stay in shared memory, dS passes in registers. Thread
// blocks that share a multiprocessor cover each other's exponentials.
#pragma once

#include "kernels/cuda/attention/forward_hopper.h"
#include "kernels/cuda/attention/query_gradient.h"

namespace dnabird::kernels::cuda {

/// Shared memory: Q, dout, two stages of K, two of V (the second begins as out), barriers.
template <int kHead>
struct QueryGradientLayout {
  using T = Tile<kBlock, kHead>;
  static constexpr std::uint32_t kBarriers = 6 * T::kBytes;
  static constexpr int kSharedBytes = kBarriers + 2 * Ring<T>::kBarrierBytes + 16;
  std::uint32_t base;

  DNABIRD_HD std::uint32_t query() const { return base; }
  DNABIRD_HD std::uint32_t dout() const { return base + T::kBytes; }
  DNABIRD_HD Ring<T> keys() const { return {base + 2 * T::kBytes, base + kBarriers}; }
  DNABIRD_HD Ring<T> values() const {
    return {base + 4 * T::kBytes, base + kBarriers + Ring<T>::kBarrierBytes};
  }
  DNABIRD_HD std::uint32_t out() const { return values().tile(1); }
  DNABIRD_HD std::uint32_t rows_full() const {
    return base + kBarriers + 2 * Ring<T>::kBarrierBytes;
  }
  DNABIRD_HD std::uint32_t out_empty() const { return rows_full() + 8; }
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

  /// Q, dout and out, then K and V of each pair in turn.
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
        const std::uint32_t full = layout.rows_full();
        const BoxPlace rows = box_of_out(place, work.unit.block);
        cta.expect_bytes(full, 3 * T::kBytes);
        Ring<T>::load_boxes(cta, layout.query(), full, maps.qkv,
                            box_of_qkv(a, place, Part::query, work.unit.block));
        Ring<T>::load_boxes(cta, layout.dout(), full, maps.dout, rows);
        Ring<T>::load_boxes(cta, layout.out(), full, maps.out, rows);
      } else {
        const std::int32_t pair = next / 2;
        const bool key = next % 2 == 0;
        if (next == 3 && !cta.ready(layout.out_empty(), 0)) return Load::blocked;
        const Ring<T> ring = key ? layout.keys() : layout.values();
        const BoxPlace box =
            box_of_qkv(a, place, key ? Part::key : Part::value, work.block(a, pair));
        if (!ring.load(cta, pair, maps.qkv, box)) return Load::blocked;
      }
      ++next;
      return Load::started;
    }
  };

  DNABIRD_DEVICE static void begin(Cta& cta, const AttentionView& a, const UnitWork& work,
                                   const Layout& layout,
                                   typename Cta::template PerWarp<State>& states) {
    cta.wait(layout.rows_full(), 0);
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      U32 dout[kHead / 16][4], out[kHead / 16][4];
      load_a_fragments<T>(warp, layout.dout(), warp.index() * 16U, dout);
      load_a_fragments<T>(warp, layout.out(), warp.index() * 16U, out);
      multiply_fragments<kHead, Warp>(dout, out, state.delta);
      cta.release(warp, layout.out_empty());
      exchange_statistics(warp, a, work.at.place, work.unit, state.delta, state.minus_lse);
    });
  }

  DNABIRD_DEVICE static void take_pair(Cta& cta, const AttentionView& a, const UnitWork& work,
                                       const Layout& layout, std::int32_t pair,
                                       typename Cta::template PerWarp<State>& states) {
    const std::int32_t valid = valid_rows(work.length, work.block(a, pair), kBlock);
    const std::uint32_t keys = layout.keys().tile(pair), values = layout.values().tile(pair);
    layout.keys().wait(cta, pair);
    layout.values().wait(cta, pair);
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
      start_rows_product<T, kBlock>(warp, layout.query(), keys, 0, state.s);
      warp.commit_products();
      start_rows_product<T, kBlock>(warp, layout.dout(), values, 0, state.dp);
      warp.commit_products();
      warp.template wait_for_products<1>();
      warp.keep(state.s);
      if (valid < kBlock) mask_keys<kBlock>(warp, valid, state.s);
      const ScoreScale scale = scale_of_item<kBlock>(warp, a, work.item(pair), 0, state.s);
      DNABIRD_UNROLL
      for (int n = 0; n < kBlock / 8; ++n) {
        DNABIRD_UNROLL
        for (int e = 0; e < 4; ++e) {
          state.s[n][e] = Warp::exp2(Warp::fma(state.s[n][e], F32(scale.factor),
                                               state.minus_lse[e / 2] + F32(scale.addend)));
        }
      }
      warp.template wait_for_products<0>();
      warp.keep(state.dp);
      layout.values().release(cta, warp, pair);
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
      layout.keys().release(cta, warp, pair);
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
      cta.start_barrier(layout.rows_full(), 1);
      cta.start_barrier(layout.out_empty(), Cta::kConsumerWarps);
    });
    Producer producer{a, maps, work, layout};
    if (cta.run_producer(producer)) return;

    typename Cta::template PerWarp<State> states;
    cta.each_warp([&](Warp& warp) { set_zero(states[warp].dq); });
    if (work.pairs > 0) begin(cta, a, work, layout, states);
    for (std::int32_t pair = 0; pair < work.pairs; ++pair) {
      take_pair(cta, a, work, layout, pair, states);
    }
    cta.each_warp([&](Warp& warp) {
      finish_query_gradient<kHead>(warp, a, work.at.place, work.unit, states[warp].dq);
    });
  }
};

}  // namespace dnabird::kernels::cuda
