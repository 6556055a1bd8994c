// Block attention forward for one unit of the schedule, with mma.m16n8k16 (sm_80 on).
//
// A thread block of four warps takes one query block; each warp has 16 queries, whose Q
// stays in registers as A fragments. K and V of the listed blocks pass through two stages of shared
// memory: while one pair is computed, cp.async fetches the next. For each pair
//   S = Q K^T, in f32;  largest = max_j S c + log2 m, c = scale log2(e);
//   top' = largest if that is more than 8 above top, else top;
//   P = exp2(S c + log2 m - top'), rounded to bf16;  O = O exp2(top - top') + P V
// (Milakov & Gimelshein 2018, Dao et al. 2022). The sum over keys stays apart in the four lanes of
// a row until the end. Keys beyond the length have S = -infinity in the one block where they occur.
//
// The source is the same for the device and for the host tests: Cta gives each_warp, barriers and
// per-warp state.
#pragma once

#include "kernels/cuda/attention/tile_products.h"
#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// What a warp keeps of its 16 queries while it walks over keys. P is relative to `top`, which is
/// at most kHeadroom below the largest score: f32 sums and the exponents of bf16 leave room, and
/// while no row's top moves, a pair needs neither the maximum over the four lanes of a row nor a
/// product with all of out.
template <class Warp, int kHead>
struct SoftmaxRows {
  using F32 = typename Warp::F32;
  static constexpr float kHeadroom = 8.0F;  // exp2 of it is the largest P
  F32 out[kHead / 8][4];
  F32 top[2], sum[2];  // of the lane's two rows; sum is of the lane's own columns

  DNABIRD_DEVICE void clear() {
    set_zero(out);
    top[0] = top[1] = F32(kNoScore);
    sum[0] = sum[1] = F32(0.0F);
  }

  /// Scores (16 x kKeys) become probabilities relative to top, which out and sum follow. `c` is
  /// positive, scale * log2(e) or 1, `bias` log2 of the multiplicity or 0.
  template <int kKeys>
  DNABIRD_DEVICE void take_scores(F32 (&s)[kKeys / 8][4], float c, float bias) {
    const F32 largest[2] = {largest_of<kKeys>(s, 0), largest_of<kKeys>(s, 1)};
    const float lowered = bias - kHeadroom;
    if (Warp::any(Warp::fma(largest[0], F32(c), F32(lowered)) > top[0] ||
                  Warp::fma(largest[1], F32(c), F32(lowered)) > top[1])) {
      raise(largest, c, bias);
    }
    DNABIRD_UNROLL
    for (int half = 0; half < 2; ++half) {
      const F32 addend = F32(bias) - top[half];
      // Two sums: each addition waits for the one before.
      F32 sums[2] = {sum[half], F32(0.0F)};
      DNABIRD_UNROLL
      for (int n = 0; n < kKeys / 8; ++n) {
        DNABIRD_UNROLL
        for (int odd = 0; odd < 2; ++odd) {
          F32& p = s[n][2 * half + odd];
          p = Warp::exp2(Warp::fma(p, F32(c), addend));
          sums[odd] = n == 0 && odd == 1 ? p : sums[odd] + p;
        }
      }
      sum[half] = sums[0] + sums[1];
    }
  }

 private:
  /// Over the lane's own columns.
  template <int kKeys>
  DNABIRD_DEVICE static F32 largest_of(const F32 (&s)[kKeys / 8][4], int half) {
    F32 largest = Warp::max(s[0][2 * half], s[0][2 * half + 1]);
    DNABIRD_UNROLL
    for (int n = 1; n < kKeys / 8; ++n) {
      largest = Warp::max(largest, Warp::max(s[n][2 * half], s[n][2 * half + 1]));
    }
    return largest;
  }
  /// Each row decides by its own scores alone: its results do not hang on the rows beside it.
  DNABIRD_DEVICE void raise(const F32 (&largest)[2], float c, float bias) {
    DNABIRD_UNROLL
    for (int half = 0; half < 2; ++half) {
      const F32 of_row = largest_of_row<Warp>(largest[half]);
      const auto beyond = Warp::fma(of_row, F32(c), F32(bias - kHeadroom)) > top[half];
      const F32 raised = Warp::select(beyond, Warp::fma(of_row, F32(c), F32(bias)), top[half]);
      const F32 shrink = Warp::exp2(top[half] - raised);
      top[half] = raised;
      sum[half] = sum[half] * shrink;
      DNABIRD_UNROLL
      for (int n = 0; n < kHead / 8; ++n) {
        DNABIRD_UNROLL
        for (int odd = 0; odd < 2; ++odd) {
          out[n][2 * half + odd] = out[n][2 * half + odd] * shrink;
        }
      }
    }
  }
};

/// Scores of keys from `valid` on become -infinity.
template <int kKeys, class Warp>
DNABIRD_DEVICE void mask_keys(Warp& warp, std::int32_t valid,
                              typename Warp::F32 (&s)[kKeys / 8][4]) {
  // One register: the other side of each comparison is a constant. 8 keeps it above 0.
  const auto left =
      typename Warp::U32(static_cast<std::uint32_t>(valid) + 8U) - accumulator_column(warp.lane());
  DNABIRD_UNROLL
  for (std::uint32_t n = 0; n < kKeys / 8; ++n) {
    DNABIRD_UNROLL
    for (std::uint32_t e = 0; e < 4; ++e) {
      const auto beyond = left < 8 * n + e % 2 + 9U;
      s[n][e] = Warp::select(beyond, typename Warp::F32(-__builtin_inff()), s[n][e]);
    }
  }
}

/// What scores are multiplied with, and what is added to that, before exp2.
struct ScoreScale {
  float factor, addend;
};

/// For scores s (16 tokens x kColumns tokens of an item's block from `first`) where granules have
/// multiplicities of their own: s takes the factor and these at once.
template <int kColumns, class Warp>
DNABIRD_DEVICE ScoreScale scale_by_granules(Warp& warp, const AttentionView& a, std::int32_t index,
                                            std::uint32_t first,
                                            typename Warp::F32 (&s)[kColumns / 8][4]) {
  const float c = a.scale * kLog2E;
  const GranuleBias& row =
      a.schedule.granules[std::int64_t{index} * kGranules + static_cast<int>(warp.index())];
  const float* bias = row.log2_multiplicity + first / kGranule;
  DNABIRD_UNROLL
  for (int n = 0; n < kColumns / 8; ++n) {
    DNABIRD_UNROLL
    for (int e = 0; e < 4; ++e) {
      using F32 = typename Warp::F32;
      s[n][e] = Warp::fma(s[n][e], F32(c), F32(bias[n / 2]));
    }
  }
  return {1.0F, 0.0F};
}

/// The scale of an item for such scores.
template <int kColumns, class Warp>
DNABIRD_DEVICE ScoreScale scale_of_item(Warp& warp, const AttentionView& a, std::int32_t index,
                                        std::uint32_t first,
                                        typename Warp::F32 (&s)[kColumns / 8][4]) {
  if (a.schedule.granules != nullptr) return scale_by_granules<kColumns>(warp, a, index, first, s);
  return {a.scale * kLog2E, a.schedule.items[index].log2_multiplicity};
}

/// The rows of one part of qkv or of an array like out that block `block` has, those from `valid`
/// on left out.
template <int kHead>
DNABIRD_HD GlobalRows rows_of_qkv(const AttentionView& a, const HeadPlace& place, Part part,
                                  std::int32_t block, std::int32_t valid) {
  const std::int64_t first = std::int64_t{block} * a.block_size;
  return {static_cast<const char*>(a.qkv) + 2 * place.in_qkv(a, part, first, kHead),
          static_cast<std::uint32_t>(2 * 3 * a.heads * kHead), valid};
}
template <int kHead>
DNABIRD_HD GlobalRows rows_of_out(const AttentionView& a, const HeadPlace& place, const void* array,
                                  std::int32_t block, std::int32_t valid) {
  const std::int64_t first = std::int64_t{block} * a.block_size;
  return {static_cast<const char*>(array) + 2 * place.in_out(a, first, kHead),
          static_cast<std::uint32_t>(2 * a.heads * kHead), valid};
}

/// Ends a unit: writes out and log-sum-exp, or the partial result. `length` is the sequence's.
template <int kHead, class Warp>
DNABIRD_DEVICE void finish_forward(Warp& warp, const AttentionView& a, const HeadPlace& place,
                                   const WorkUnit& unit, std::int32_t length,
                                   SoftmaxRows<Warp, kHead>& rows) {
  using F32 = typename Warp::F32;
  rows.sum[0] = sum_of_row<Warp>(rows.sum[0]);
  rows.sum[1] = sum_of_row<Warp>(rows.sum[1]);
  const auto first_lane = accumulator_column(warp.lane()) < 1U;
  if (unit.slot >= 0) {
    float* slot = slot_address(a, place, unit.slot, forward_partial_size(kBlock, kHead));
    store_partial<kHead>(warp, slot, rows.out);
    float* statistics = slot + kBlock * kHead;
    DNABIRD_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
      warp.store(statistics, row * 4U, rows.top[half], first_lane);
      warp.store(statistics, row * 4U + 4U * kBlock, rows.sum[half], first_lane);
    }
    return;
  }
  const std::int64_t first = std::int64_t{unit.block} * kBlock;
  const std::int32_t exist = valid_rows(a.tokens, unit.block, kBlock);
  const std::int32_t valid = valid_rows(length, unit.block, kBlock);
  F32 factor[2];
  DNABIRD_UNROLL
  for (std::uint32_t half = 0; half < 2; ++half) {
    const auto row = accumulator_row(warp.lane()) + (warp.index() * 16U + half * 8U);
    const auto counts = (row < static_cast<std::uint32_t>(valid)) && (rows.sum[half] > 0.0F);
    factor[half] = Warp::select(counts, Warp::divide(F32(1.0F), rows.sum[half]), F32(0.0F));
    const F32 lse = (rows.top[half] + Warp::log2(rows.sum[half])) * F32(kLn2);
    warp.store(a.log_sum_exp + place.in_rows(a, first), row * 4U,
               Warp::select(counts, lse, F32(__builtin_inff())),
               first_lane && (row < static_cast<std::uint32_t>(exist)));
  }
  store_rows<kHead>(warp,
                    {static_cast<char*>(a.out) + 2 * place.in_out(a, first, kHead),
                     static_cast<std::uint32_t>(2 * a.heads * kHead), exist, valid},
                    rows.out, factor);
}

/// The items [begin, end) of a unit through two stages of shared memory: take(i, stage) of one runs
/// while load(i, stage) fetches the next. That of the first has been started.
template <class Cta, class Load, class Take>
DNABIRD_DEVICE void walk_items(Cta& cta, std::int32_t begin, std::int32_t end, const Load& load,
                               const Take& take) {
  for (std::int32_t i = begin; i < end; ++i) {
    const int stage = (i - begin) & 1;
    if (i + 1 < end) {
      load(i + 1, stage ^ 1);
      cta.template wait_for_copies<1>();
    } else {
      cta.template wait_for_copies<0>();
    }
    cta.barrier();
    take(i, stage);
    cta.barrier();
  }
}

template <class Cta, int kHead>
struct ForwardUnit {
  using Warp = typename Cta::Warp;
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;
  using T = Tile<kBlock, kHead>;
  static constexpr int kWarps = kBlock / 16;
  static constexpr int kStageBytes = 2 * T::kBytes;  // K, then V
  static constexpr int kSharedBytes = 2 * kStageBytes;

  struct State {
    U32 q[kHead / 16][4];
    SoftmaxRows<Warp, kHead> rows;
  };

  DNABIRD_DEVICE static void load_pair(Cta& cta, const AttentionView& a, const HeadPlace& place,
                                       std::int32_t block, std::int32_t length, std::uint32_t to) {
    const std::int32_t valid = valid_rows(length, block, kBlock);
    cta.each_warp([&](Warp& warp) {
      load_tile<T, 32 * kWarps>(warp, to, rows_of_qkv<kHead>(a, place, Part::key, block, valid));
      load_tile<T, 32 * kWarps>(warp, to + T::kBytes,
                                rows_of_qkv<kHead>(a, place, Part::value, block, valid));
    });
    cta.commit_copies();
  }

  DNABIRD_DEVICE static void take_pair(Warp& warp, State& state, const AttentionView& a,
                                       std::uint32_t stage, std::int32_t item, std::int32_t valid) {
    F32 s[kBlock / 8][4];
    set_zero(s);
    multiply_by_rows<T, kBlock>(warp, state.q, stage, 0, s);
    if (valid < kBlock) mask_keys<kBlock>(warp, valid, s);
    const ScoreScale scale = scale_of_item<kBlock>(warp, a, item, 0, s);
    state.rows.template take_scores<kBlock>(s, scale.factor, scale.addend);
    U32 p[kBlock / 16][4];
    to_a_fragments<kBlock, Warp>(s, p);
    multiply_by_columns<T, kBlock>(warp, p, stage + T::kBytes, 0, state.rows.out);
  }

  DNABIRD_DEVICE static void run(Cta& cta, const AttentionView& a, std::uint32_t index) {
    const UnitPlace at = locate(a, a.schedule.units, a.schedule.unit_count, index);
    const WorkUnit unit = a.schedule.units[at.unit];
    const std::int32_t length = a.lengths[at.place.batch];
    const std::int32_t queries = valid_rows(length, unit.block, kBlock);
    // The combining kernel does not read parts of rows beyond the length.
    if (queries == 0 && unit.slot >= 0) return;
    const std::int32_t end = queries == 0 ? unit.begin : used_end(a, unit, length);
    const std::uint32_t shared = cta.shared_address();
    typename Cta::template PerWarp<State> states;

    // Q passes through the stage that the second pair needs only later.
    cta.each_warp([&](Warp& warp) {
      load_tile<T, 32 * kWarps>(warp, shared + kStageBytes,
                                rows_of_qkv<kHead>(a, at.place, Part::query, unit.block, queries));
    });
    cta.commit_copies();
    const auto load = [&](std::int32_t i, int stage) {
      load_pair(cta, a, at.place, a.schedule.items[i].block, length, shared + stage * kStageBytes);
    };
    if (unit.begin < end) {
      load(unit.begin, 0);
      cta.template wait_for_copies<1>();
    } else {
      cta.template wait_for_copies<0>();
    }
    cta.barrier();
    cta.each_warp([&](Warp& warp) {
      State& state = states[warp];
      load_a_fragments<T>(warp, shared + kStageBytes, warp.index() * 16U, state.q);
      state.rows.clear();
    });
    cta.barrier();

    walk_items(cta, unit.begin, end, load, [&](std::int32_t i, int stage) {
      const std::int32_t valid = valid_rows(length, a.schedule.items[i].block, kBlock);
      cta.each_warp([&](Warp& warp) {
        take_pair(warp, states[warp], a, shared + stage * kStageBytes, i, valid);
      });
    });
    cta.each_warp([&](Warp& warp) {
      finish_forward<kHead>(warp, a, at.place, unit, length, states[warp].rows);
    });
  }
};

}  // namespace dnabird::kernels::cuda
