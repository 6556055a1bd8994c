// Combines the parts of split rows and columns, in the order of the parts. One call makes one
// element (or pair of neighbours) of the result; plain loops, the same on device and host.
#pragma once

#include <cmath>

#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// Two neighbouring values of a row.
struct ValuePair {
  float low, high;
};

/// Softmax statistics of one query over all its parts.
struct CombinedRow {
  float top, sum;
};

struct SplitPlace {
  SplitBlock split;
  HeadPlace place;
};

DNABIRD_HD SplitPlace locate_split(const AttentionView& a, std::uint32_t index) {
  const UnitPlace at = locate(a, a.schedule.splits, a.schedule.split_count, index);
  return {a.schedule.splits[at.unit], at.place};
}

/// The first slot of a split row or column of one head and sequence.
DNABIRD_HD const float* first_slot(const AttentionView& a, const SplitPlace& at,
                                   std::int64_t partial_size) {
  return slot_address(a, at.place, at.split.first_slot, partial_size);
}

template <int kHead>
DNABIRD_HD CombinedRow combine_statistics(const float* slot, std::int32_t parts, std::int32_t row) {
  constexpr std::int64_t kSize = kBlock * (kHead + 2);
  const float* top = slot + kBlock * kHead + row;
  CombinedRow all{kNoScore, 0.0F};
  for (std::int32_t part = 0; part < parts; ++part) {
    const float here = top[part * kSize];
    all.top = here > all.top ? here : all.top;
  }
  for (std::int32_t part = 0; part < parts; ++part) {
    all.sum += top[part * kSize + kBlock] * exp2f(top[part * kSize] - all.top);
  }
  return all;
}

/// out[column], out[column + 1] of a row with statistics `all`; zeros if it has no key.
template <int kHead>
DNABIRD_HD ValuePair combine_out(const float* slot, std::int32_t parts, std::int32_t row,
                                 std::int32_t column, const CombinedRow& all) {
  constexpr std::int64_t kSize = kBlock * (kHead + 2);
  ValuePair out{0.0F, 0.0F};
  if (!(all.sum > 0.0F)) return out;
  for (std::int32_t part = 0; part < parts; ++part) {
    const float* from = slot + part * kSize;
    const float weight = exp2f(from[kBlock * kHead + row] - all.top);
    out.low += from[row * kHead + column] * weight;
    out.high += from[row * kHead + column + 1] * weight;
  }
  return {out.low / all.sum, out.high / all.sum};
}

/// Sum over parts of two neighbouring values that lie `offset` floats into each slot.
DNABIRD_HD ValuePair combine_gradient(const float* slot, std::int32_t parts, std::int64_t size,
                                      std::int64_t offset, float factor) {
  ValuePair sum{0.0F, 0.0F};
  for (std::int32_t part = 0; part < parts; ++part) {
    sum.low += slot[part * size + offset];
    sum.high += slot[part * size + offset + 1];
  }
  return {sum.low * factor, sum.high * factor};
}

// One thread's part of a combining kernel: thread `thread` of the kCombineThreads that share a
// split row or column block; each writes a pair of neighbouring values of each part. Store is
// called as store(address of the lower value, pair).
template <int kHead>
constexpr int kCombineThreads = kBlock* kHead / 2;

template <int kHead, class Store>
DNABIRD_HD void combine_forward(const AttentionView& a, std::uint32_t index, std::int32_t thread,
                                const Store& store) {
  const SplitPlace at = locate_split(a, index);
  const float* slot = first_slot(a, at, forward_partial_size(kBlock, kHead));
  const std::int32_t row = thread / (kHead / 2), column = thread % (kHead / 2) * 2;
  if (row >= valid_rows(a.tokens, at.split.block, kBlock)) return;
  const std::int64_t token = std::int64_t{at.split.block} * kBlock + row;
  CombinedRow all{kNoScore, 0.0F};
  ValuePair out{0.0F, 0.0F};
  if (token < a.lengths[at.place.batch]) {
    all = combine_statistics<kHead>(slot, at.split.parts, row);
    out = combine_out<kHead>(slot, at.split.parts, row, column, all);
  }
  store(static_cast<char*>(a.out) + 2 * (at.place.in_out(a, token, kHead) + column), out);
  if (column == 0) {
    a.log_sum_exp[at.place.in_rows(a, token)] =
        all.sum > 0.0F ? (all.top + log2f(all.sum)) * kLn2 : HUGE_VALF;
  }
}

/// A part of dqkv whose slots hold it `offset` floats into each of `size`.
struct GradientPart {
  Part part;
  std::int64_t size, offset;
  float factor;
};

template <int kHead, class Store>
DNABIRD_HD void combine_gradients(const AttentionView& a, std::uint32_t index, std::int32_t thread,
                                  const GradientPart& which, const Store& store) {
  const SplitPlace at = locate_split(a, index);
  const float* slot = first_slot(a, at, which.size);
  const std::int32_t row = thread / (kHead / 2), column = thread % (kHead / 2) * 2;
  if (row >= valid_rows(a.tokens, at.split.block, kBlock)) return;
  const std::int64_t token = std::int64_t{at.split.block} * kBlock + row;
  ValuePair sum{0.0F, 0.0F};
  if (token < a.lengths[at.place.batch]) {
    sum = combine_gradient(slot, at.split.parts, which.size, which.offset + row * kHead + column,
                           which.factor);
  }
  store(static_cast<char*>(a.dqkv) + 2 * (at.place.in_qkv(a, which.part, token, kHead) + column),
        sum);
}

template <int kHead>
DNABIRD_HD GradientPart query_part(const AttentionView& a) {
  return {Part::query, query_partial_size(kBlock, kHead), 0, a.scale};
}
template <int kHead>
DNABIRD_HD GradientPart key_part(const AttentionView& a) {
  return {Part::key, key_partial_size(kBlock, kHead), 0, a.scale};
}
template <int kHead>
DNABIRD_HD GradientPart value_part() {
  return {Part::value, key_partial_size(kBlock, kHead), kBlock * kHead, 1.0F};
}

}  // namespace dnabird::kernels::cuda
