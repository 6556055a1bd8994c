// Block attention by plain dot products, for blocks and heads that the tile kernels do not take
// (blocks of 16 and 32, any head to 128) and for f32. One warp has one query (or one key); each of
// its lanes takes every 32nd key (or query), then every 32nd element of the head. Everything is
// f32 but what lies in memory. Formulas: forward.h, query_gradient.h and
// key_gradient.h; schedules must not be split.
#pragma once

#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// Elements in memory: f32 or bf16, of 4 or 2 bytes.
struct Bf16Element {
  static constexpr int kBytes = 2;
};
struct F32Element {
  static constexpr int kBytes = 4;
};

constexpr int kPlainHeads = 4;  // times 32: the largest head
constexpr int kPlainWarps = 4;  // of a thread block, each with a row of its own

template <class Warp, class Element>
struct PlainAttention {
  using F32 = typename Warp::F32;
  using U32 = typename Warp::U32;

  /// Rows of one head in an array: elements from `base`, `stride` apart.
  struct Rows {
    const void* base;
    std::uint32_t stride;
  };
  /// What a warp's row is, and what the loop over the other side needs.
  struct Row {
    WorkUnit unit;
    HeadPlace place;
    std::int32_t length;  // of the sequence
    std::int32_t token;
    bool exists, valid;  // below the tokens, below the length
  };

  Warp& warp;
  const AttentionView& a;

  DNABIRD_DEVICE Row locate_row(std::uint32_t index) const {
    const auto groups = static_cast<std::uint32_t>((a.block_size + kPlainWarps - 1) / kPlainWarps);
    const UnitPlace at = locate(a, a.schedule.units, a.schedule.unit_count, index / groups);
    const WorkUnit unit = a.schedule.units[at.unit];
    const auto row = static_cast<std::int32_t>(index % groups * kPlainWarps + warp.index());
    const std::int32_t length = a.lengths[at.place.batch];
    const std::int32_t token = unit.block * a.block_size + row;
    const bool exists = row < a.block_size && token < a.tokens;
    return {unit, at.place, length, token, exists, exists && token < length};
  }
  DNABIRD_DEVICE Rows qkv(const HeadPlace& place, Part part, std::int32_t token) const {
    const char* base = static_cast<const char*>(a.qkv);
    return {base + Element::kBytes * place.in_qkv(a, part, token, a.head_size),
            static_cast<std::uint32_t>(3 * a.heads * a.head_size)};
  }
  DNABIRD_DEVICE Rows out(const HeadPlace& place, const void* array, std::int32_t token) const {
    return {static_cast<const char*>(array) + Element::kBytes * place.in_out(a, token, a.head_size),
            static_cast<std::uint32_t>(a.heads * a.head_size)};
  }

  /// For each lane the product of row 0 of x with its own row of y.
  DNABIRD_DEVICE F32 dot(const Rows& x, const Rows& y, U32 row, typename Warp::Mask valid) const {
    F32 sum = F32(0.0F);
    for (std::uint32_t d = 0; d < static_cast<std::uint32_t>(a.head_size); ++d) {
      const F32 one = warp.template load_element<Element>(x.base, U32(d), valid);
      sum = Warp::fma(one, warp.template load_element<Element>(y.base, row * y.stride + d, valid),
                      sum);
    }
    return sum;
  }
  /// The product of two rows, in all lanes.
  DNABIRD_DEVICE F32 dot(const Rows& x, const Rows& y) const {
    F32 sum = F32(0.0F);
    DNABIRD_UNROLL
    for (std::uint32_t i = 0; i < kPlainHeads; ++i) {
      sum = Warp::fma(element(x, 0, i), element(y, 0, i), sum);
    }
    return sum_of_warp(sum);
  }
  /// Element lane + 32 i of a row; 0 beyond the head.
  DNABIRD_DEVICE F32 element(const Rows& x, std::uint32_t row, std::uint32_t i) const {
    const U32 d = warp.lane() + 32 * i;
    return warp.template load_element<Element>(x.base, d + row * x.stride,
                                               d < static_cast<std::uint32_t>(a.head_size));
  }
  DNABIRD_DEVICE static F32 sum_of_warp(F32 x) {
    DNABIRD_UNROLL
    for (int step = 16; step > 0; step /= 2) x = x + Warp::shuffle_xor(x, step);
    return x;
  }
  DNABIRD_DEVICE static F32 largest_of_warp(F32 x) {
    DNABIRD_UNROLL
    for (int step = 16; step > 0; step /= 2) x = Warp::max(x, Warp::shuffle_xor(x, step));
    return x;
  }
  /// sums[i] += sum over lanes n < count of weight of lane n times element lane + 32 i of row n.
  DNABIRD_DEVICE void add_rows(F32 (&sums)[kPlainHeads], F32 weight, const Rows& rows,
                               std::uint32_t first, std::uint32_t count) const {
    for (std::uint32_t n = 0; n < count; ++n) {
      const F32 here = Warp::broadcast(weight, n);
      DNABIRD_UNROLL
      for (std::uint32_t i = 0; i < kPlainHeads; ++i) {
        sums[i] = Warp::fma(here, element(rows, first + n, i), sums[i]);
      }
    }
  }
  DNABIRD_DEVICE void store_row(void* array, std::int64_t at, const F32 (&x)[kPlainHeads],
                                float factor) const {
    DNABIRD_UNROLL
    for (std::uint32_t i = 0; i < kPlainHeads; ++i) {
      const U32 d = warp.lane() + 32 * i;
      warp.template store_element<Element>(static_cast<char*>(array) + Element::kBytes * at, d,
                                           x[i] * F32(factor),
                                           d < static_cast<std::uint32_t>(a.head_size));
    }
  }

  /// Calls visit(item, first row of a step, rows of it) for all rows of the listed blocks that lie
  /// below the length, at most 32 at a time.
  template <class Visit>
  DNABIRD_DEVICE void each_step(const Row& row, const Visit& visit) const {
    for (std::int32_t i = row.unit.begin; i < row.unit.end; ++i) {
      const Item item = a.schedule.items[i];
      const std::int32_t valid = valid_rows(row.length, item.block, a.block_size);
      for (std::int32_t first = 0; first < valid; first += 32) {
        const std::int32_t left = valid - first;
        visit(item, static_cast<std::uint32_t>(first),
              static_cast<std::uint32_t>(left < 32 ? left : 32));
      }
    }
  }

  DNABIRD_DEVICE void forward(std::uint32_t index) {
    const Row row = locate_row(index);
    if (!row.exists) return;
    F32 sums[kPlainHeads] = {F32(0.0F), F32(0.0F), F32(0.0F), F32(0.0F)};
    F32 top = F32(kNoScore), sum = F32(0.0F);
    const Rows q = qkv(row.place, Part::query, row.token);
    if (row.valid) {
      each_step(row, [&](const Item& item, std::uint32_t first, std::uint32_t count) {
        const std::int32_t token = item.block * a.block_size;
        const auto counts = warp.lane() < count;
        F32 s = dot(q, qkv(row.place, Part::key, token), warp.lane() + first, counts);
        s = Warp::fma(s, F32(a.scale * kLog2E), F32(item.log2_multiplicity));
        s = Warp::select(counts, s, F32(kNoScore));
        const F32 raised = Warp::max(top, largest_of_warp(s));
        const F32 shrink = Warp::exp2(top - raised);
        const F32 p = Warp::select(counts, Warp::exp2(s - raised), F32(0.0F));
        top = raised;
        sum = Warp::fma(sum, shrink, sum_of_warp(p));
        DNABIRD_UNROLL
        for (int i = 0; i < kPlainHeads; ++i) sums[i] = sums[i] * shrink;
        add_rows(sums, p, qkv(row.place, Part::value, token), first, count);
      });
    }
    const auto any = sum > 0.0F;
    const F32 factor = Warp::select(any, Warp::divide(F32(1.0F), sum), F32(0.0F));
    DNABIRD_UNROLL
    for (int i = 0; i < kPlainHeads; ++i) sums[i] = sums[i] * factor;
    store_row(a.out, row.place.in_out(a, row.token, a.head_size), sums, 1.0F);
    const F32 lse = (top + Warp::log2(sum)) * F32(kLn2);
    warp.store(a.log_sum_exp + row.place.in_rows(a, row.token), U32(0U),
               Warp::select(any, lse, F32(__builtin_inff())), warp.lane() < 1U);
  }

  DNABIRD_DEVICE void query_gradient(std::uint32_t index) {
    const Row row = locate_row(index);
    if (!row.exists) return;
    F32 dq[kPlainHeads] = {F32(0.0F), F32(0.0F), F32(0.0F), F32(0.0F)};
    if (row.valid) {
      const Rows q = qkv(row.place, Part::query, row.token);
      const Rows dout = out(row.place, a.dout, row.token);
      const std::int64_t at = row.place.in_rows(a, row.token);
      const F32 lse = F32(a.log_sum_exp[at]), delta = dot(dout, out(row.place, a.out, row.token));
      warp.store(a.delta + at, U32(0U), delta, warp.lane() < 1U);
      each_step(row, [&](const Item& item, std::uint32_t first, std::uint32_t count) {
        const std::int32_t token = item.block * a.block_size;
        const Rows k = qkv(row.place, Part::key, token), v = qkv(row.place, Part::value, token);
        const auto counts = warp.lane() < count;
        const F32 s = dot(q, k, warp.lane() + first, counts);
        const F32 dp = dot(dout, v, warp.lane() + first, counts);
        const F32 addend = Warp::fma(lse, F32(-kLog2E), F32(item.log2_multiplicity));
        const F32 p = Warp::exp2(Warp::fma(s, F32(a.scale * kLog2E), addend));
        add_rows(dq, Warp::select(counts, p * (dp - delta), F32(0.0F)), k, first, count);
      });
    }
    store_row(a.dqkv, row.place.in_qkv(a, Part::query, row.token, a.head_size), dq, a.scale);
  }

  DNABIRD_DEVICE void key_gradient(std::uint32_t index) {
    const Row row = locate_row(index);
    if (!row.exists) return;
    F32 dk[kPlainHeads] = {F32(0.0F), F32(0.0F), F32(0.0F), F32(0.0F)};
    F32 dv[kPlainHeads] = {F32(0.0F), F32(0.0F), F32(0.0F), F32(0.0F)};
    if (row.valid) {
      const Rows k = qkv(row.place, Part::key, row.token);
      const Rows v = qkv(row.place, Part::value, row.token);
      each_step(row, [&](const Item& item, std::uint32_t first, std::uint32_t count) {
        const std::int32_t token = item.block * a.block_size;
        const Rows q = qkv(row.place, Part::query, token), dout = out(row.place, a.dout, token);
        const auto counts = warp.lane() < count;
        const U32 query = warp.lane() + first;
        const std::int64_t at = row.place.in_rows(a, token);
        const F32 s = dot(k, q, query, counts), dp = dot(v, dout, query, counts);
        const F32 lse = warp.load_f32(a.log_sum_exp + at, query * 4U, counts, 0.0F);
        const F32 delta = warp.load_f32(a.delta + at, query * 4U, counts, 0.0F);
        const F32 addend = Warp::fma(lse, F32(-kLog2E), F32(item.log2_multiplicity));
        const F32 p = Warp::exp2(Warp::fma(s, F32(a.scale * kLog2E), addend));
        add_rows(dv, Warp::select(counts, p, F32(0.0F)), dout, first, count);
        add_rows(dk, Warp::select(counts, p * (dp - delta), F32(0.0F)), q, first, count);
      });
    }
    store_row(a.dqkv, row.place.in_qkv(a, Part::key, row.token, a.head_size), dk, a.scale);
    store_row(a.dqkv, row.place.in_qkv(a, Part::value, row.token, a.head_size), dv, 1.0F);
  }
};

}  // namespace dnabird::kernels::cuda
