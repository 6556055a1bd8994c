// The pass of block attention's backward over rows: dQ, and delta for the pass over columns
// (key_gradient.h). Two passes recompute S and P once more than one would, but add
// nothing atomically: every element is one sum in a fixed order.
//
// A warp has 16 queries, Q and dout as A fragments. For each pair, kKeys keys at a time so that
// scores and their gradients fit the registers beside dQ:
//   P = exp2(S c + log2 m - log2(e) lse);  dP = dout V^T;  dS = P (dP - delta), rounded to bf16;
//   dQ += dS K;  at the end dQ *= scale,  with delta = sum_d dout out.
#pragma once

#include "kernels/cuda/attention/forward.h"

namespace dnabird::kernels::cuda {

/// Sums over the head of two tiles' products, for the lane's two rows of 16.
template <int kHead, class Warp>
DNABIRD_DEVICE void multiply_fragments(const typename Warp::U32 (&a)[kHead / 16][4],
                                       const typename Warp::U32 (&b)[kHead / 16][4],
                                       typename Warp::F32 (&sums)[2]) {
  sums[0] = sums[1] = typename Warp::F32(0.0F);
  DNABIRD_UNROLL
  for (int k = 0; k < kHead / 16; ++k) {
    DNABIRD_UNROLL
    for (int r = 0; r < 4; ++r) {
      auto& sum = sums[r % 2];
      sum = Warp::fma(Warp::low_bf16(a[k][r]), Warp::low_bf16(b[k][r]), sum);
      sum = Warp::fma(Warp::high_bf16(a[k][r]), Warp::high_bf16(b[k][r]), sum);
    }
  }
  sums[0] = sum_of_row<Warp>(sums[0]);
  sums[1] = sum_of_row<Warp>(sums[1]);
}

/// Ends a unit: writes dQ, or the partial result. `length` is the sequence's.
template <int kHead, class Warp>
DNABIRD_DEVICE void finish_query_gradient(Warp& warp, const AttentionView& a,
                                          const HeadPlace& place, const WorkUnit& unit,
                                          std::int32_t length,
                                          const typename Warp::F32 (&dq)[kHead / 8][4]) {
  using F32 = typename Warp::F32;
  if (unit.slot >= 0) {
    store_partial<kHead>(warp, slot_address(a, place, unit.slot, query_partial_size(kBlock, kHead)),
                         dq);
    return;
  }
  const F32 factor[2] = {F32(a.scale), F32(a.scale)};
  const std::int64_t first = std::int64_t{unit.block} * kBlock;
  store_rows<kHead>(
      warp,
      {static_cast<char*>(a.dqkv) + 2 * place.in_qkv(a, Part::query, first, kHead),
       static_cast<std::uint32_t>(2 * 3 * a.heads * kHead),
       valid_rows(a.tokens, unit.block, kBlock), valid_rows(length, unit.block, kBlock)},
      dq, factor);
}

/// Writes delta of the lane's two rows, in the first part of a row.
template <class Warp>
DNABIRD_DEVICE void store_delta(Warp& warp, const AttentionView& a, const HeadPlace& place,
                                const WorkUnit& unit, std::int32_t length,
                                const typename Warp::F32 (&delta)[2]) {
  if (unit.part != 0) return;
  const std::int64_t row0 = place.in_rows(a, std::int64_t{unit.block} * kBlock);
  const std::int32_t queries = valid_rows(length, unit.block, kBlock);
  DNABIRD_UNROLL
  for (std::uint32_t half = 0; half < 2; ++half) {
    const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
    warp.store(
        a.delta + row0, row * 4U, delta[half],
        (accumulator_column(warp.lane()) < 1U) && (row < static_cast<std::uint32_t>(queries)));
  }
}

/// lse of the lane's two rows, in base 2 and negative.
template <class Warp>
DNABIRD_DEVICE void load_minus_lse(Warp& warp, const AttentionView& a, const HeadPlace& place,
                                   const WorkUnit& unit, std::int32_t length,
                                   typename Warp::F32 (&minus_lse)[2]) {
  const std::int64_t row0 = place.in_rows(a, std::int64_t{unit.block} * kBlock);
  const std::int32_t queries = valid_rows(length, unit.block, kBlock);
  DNABIRD_UNROLL
  for (std::uint32_t half = 0; half < 2; ++half) {
    const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
    const auto lse = warp.load_f32(a.log_sum_exp + row0, row * 4U,
                                   row < static_cast<std::uint32_t>(queries), __builtin_inff());
    minus_lse[half] = lse * typename Warp::F32(-kLog2E);
  }
}

template <class Cta, int kHead>
struct QueryGradientUnit {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  static constexpr int kWarps = kBlock / 16;
  static constexpr int kKeys = kHead == 128 ? 16 : 32;
  static constexpr int kStageBytes = 2 * T::kBytes;  // K, then V
  static constexpr int kSharedBytes = 2 * kStageBytes;

  struct State {
    U32 q[kHead / 16][4], dout[kHead / 16][4];
    F32 dq[kHead / 8][4];
    F32 minus_lse[2], delta[2];  // of the lane's two rows; lse in base 2
  };

  struct Pair {
    std::int32_t item;
    std::int32_t valid;  // keys
  };

  /// Q, dout and out of the block to registers, by way of the tiles of the stages.
  DNABIRD_DEVICE static void begin(Cta& cta, const AttentionView& a, const HeadPlace& place,
                                   const WorkUnit& unit, std::int32_t length,
                                   typename Cta::template PerWarp<State>& states) {
    const std::uint32_t shared = cta.shared_address();
    const std::int32_t queries = valid_rows(length, unit.block, kBlock);
    cta.each_warp([&](Warp& warp) {
      load_tile<T, 32 * kWarps>(warp, shared,
                                rows_of_qkv<kHead>(a, place, Part::query, unit.block, queries));
      load_tile<T, 32 * kWarps>(warp, shared + T::kBytes,
                                rows_of_out<kHead>(a, place, a.dout, unit.block, queries));
      load_tile<T, 32 * kWarps>(warp, shared + 2 * T::kBytes,
                                rows_of_out<kHead>(a, place, a.out, unit.block, queries));
    });
    cta.commit_copies();
    cta.template wait_for_copies<0>();
    cta.barrier();
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      const std::uint32_t first = warp.index() * 16U;
      load_a_fragments<T>(warp, shared, first, state.q);
      load_a_fragments<T>(warp, shared + T::kBytes, first, state.dout);
      U32 out[kHead / 16][4];
      load_a_fragments<T>(warp, shared + 2 * T::kBytes, first, out);
      multiply_fragments<kHead, Warp>(state.dout, out, state.delta);
      set_zero(state.dq);
      store_delta(warp, a, place, unit, length, state.delta);
      load_minus_lse(warp, a, place, unit, length, state.minus_lse);
    });
    cta.barrier();
  }

  DNABIRD_DEVICE static void take_keys(Warp& warp, State& state, const AttentionView& a,
                                       std::uint32_t stage, std::uint32_t first, const Pair& pair) {
    F32 s[kKeys / 8][4], dp[kKeys / 8][4];
    set_zero(s);
    multiply_by_rows<T, kKeys>(warp, state.q, stage, first, s);
    const std::int32_t valid = pair.valid - static_cast<std::int32_t>(first);
    if (valid < kKeys) mask_keys<kKeys>(warp, valid < 0 ? 0 : valid, s);
    set_zero(dp);
    multiply_by_rows<T, kKeys>(warp, state.dout, stage + T::kBytes, first, dp);
    const ScoreScale scale = scale_of_item<kKeys>(warp, a, pair.item, first, s);
    DNABIRD_UNROLL
    for (int n = 0; n < kKeys / 8; ++n) {
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) {
        const F32 p = Warp::exp2(
            Warp::fma(s[n][e], F32(scale.factor), state.minus_lse[e / 2] + F32(scale.addend)));
        s[n][e] = p * (dp[n][e] - state.delta[e / 2]);
      }
    }
    U32 ds[kKeys / 16][4];
    to_a_fragments<kKeys, Warp>(s, ds);
    multiply_by_columns<T, kKeys>(warp, ds, stage, first, state.dq);
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, std::uint32_t index) {
    const UnitPlace at = locate(a, a.schedule.units, a.schedule.unit_count, index);
    const WorkUnit unit = a.schedule.units[at.unit];
    const std::int32_t length = a.lengths[at.place.batch];
    const std::int32_t queries = valid_rows(length, unit.block, kBlock);
    if (queries == 0 && unit.slot >= 0) return;
    const std::int32_t end = queries == 0 ? unit.begin : used_end(a, unit, length);
    const std::uint32_t shared = cta.shared_address();
    typename Cta::template PerWarp<State> states;
    begin(cta, a, at.place, unit, length, states);
    using Forward = ForwardUnit<Cta, kHead>;
    const auto load = [&](std::int32_t i, int stage) {
      Forward::load_pair(cta, a, at.place, a.schedule.items[i].block, length,
                         shared + stage * kStageBytes);
    };
    if (unit.begin < end) load(unit.begin, 0);
    walk_items(cta, unit.begin, end, load, [&](std::int32_t i, int stage) {
      const Pair pair{i, valid_rows(length, a.schedule.items[i].block, kBlock)};
      cta.each_warp([&](Warp& warp) {
        DNABIRD_UNROLL
        for (std::uint32_t first = 0; first < kBlock; first += kKeys) {
          take_keys(warp, states[warp], a, shared + stage * kStageBytes, first, pair);
        }
      });
    });
    cta.each_warp([&](Warp& warp) {
      finish_query_gradient<kHead>(warp, a, at.place, unit, length, states[warp].dq);
    });
  }
};

}  // namespace dnabird::kernels::cuda
