// What a kernel of block attention knows: pointers, strides, and which unit of the schedule a
// thread block takes.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/schedule.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// Scores are kept in base 2: exp(x) = exp2(x * kLog2E).
constexpr float kLog2E = 1.44269504088896340736F;
constexpr float kLn2 = 0.69314718055994530942F;
/// Below every score, and finite, so that the difference of two of them is not NaN.
constexpr float kNoScore = -1e30F;

enum class AttentionPass { forward, query_gradient, key_gradient };
enum class ElementType { bf16, f32 };

/// The arrays of one side of the schedule, on the device.
struct ScheduleView {
  const Item* items;
  const GranuleBias* granules;  // null where the schedule has none
  const WorkUnit* units;
  const SplitBlock* splits;
  std::int32_t unit_count, split_count, slots;
  std::int32_t pattern_heads;  // 1 or H
};

/// Elements are bf16 (f32 in the plain kernel); statistics and partial results are f32.
struct AttentionView {
  std::int32_t batch, tokens, heads;
  std::int32_t block_size, head_size;
  float scale;  // > 0
  ScheduleView schedule;
  const std::int32_t* lengths;  // (B)
  const void* qkv;              // (B,T,3,H,D)
  void* out;                    // (B,T,H,D); backward only reads it
  float* log_sum_exp;           // (B,H,T), natural log; backward only reads it
  const void* dout;             // (B,T,H,D)
  float* delta;                 // (B,H,T): dout . out of each query; the pass of dQ writes it
  void* dqkv;                   // (B,T,3,H,D)
  float* partials;              // (B*H, slots, partial_size)
};

enum class Part : std::int32_t { query = 0, key = 1, value = 2 };

/// Where one head of one sequence lies.
struct HeadPlace {
  std::int32_t batch, head;  // of the tensors
  std::int32_t index;        // batch * H + head

  /// Element of qkv or dqkv where token `t` of a part begins; tokens are 3 * H * D apart.
  DNABIRD_HD std::int64_t in_qkv(const AttentionView& a, Part part, std::int64_t t, int D) const {
    const std::int64_t token =
        (std::int64_t{batch} * a.tokens + t) * 3 + static_cast<std::int64_t>(part);
    return (token * a.heads + head) * D;
  }
  /// The same in out or dout; tokens are H * D apart.
  DNABIRD_HD std::int64_t in_out(const AttentionView& a, std::int64_t t, int D) const {
    return ((std::int64_t{batch} * a.tokens + t) * a.heads + head) * D;
  }
  DNABIRD_HD std::int64_t in_rows(const AttentionView& a, std::int64_t t) const {
    return std::int64_t{index} * a.tokens + t;
  }
};

/// Where a unit or a split lies. Units of one list of the pattern follow each other, each for all
/// sequences (or heads, if these share one list) before the next: what runs at one time reads a few
/// heads, which the second-level cache holds, and starts with the longest units.
struct UnitPlace {
  std::int32_t unit;  // of units or of splits
  HeadPlace place;
};
DNABIRD_HD std::int32_t places_per_unit(const AttentionView& a) {
  return a.schedule.pattern_heads == 1 ? a.batch * a.heads : a.batch;
}
/// `blocks` are the units or the splits, `count` of them, which name a head; `index` is below count
/// * places_per_unit.
template <class Blocks>
DNABIRD_HD UnitPlace locate(const AttentionView& a, const Blocks* blocks, std::int32_t count,
                            std::uint32_t index) {
  const bool shared = a.schedule.pattern_heads == 1;
  const auto inner = static_cast<std::uint32_t>(shared ? a.heads : a.batch);
  const auto rest = static_cast<std::int32_t>(index % inner);
  const std::uint32_t outer = index / inner;
  const auto unit = static_cast<std::int32_t>(outer % static_cast<std::uint32_t>(count));
  const std::int32_t batch =
      shared ? static_cast<std::int32_t>(outer / static_cast<std::uint32_t>(count)) : rest;
  const std::int32_t head = shared ? rest : blocks[unit].head;
  return {unit, {batch, head, batch * a.heads + head}};
}

/// Tokens of block `block` that are below `length`: 0 to block_size.
DNABIRD_HD std::int32_t valid_rows(std::int32_t length, std::int32_t block,
                                   std::int32_t block_size) {
  const std::int32_t left = length - block * block_size;
  return left < 0 ? 0 : left < block_size ? left : block_size;
}

/// End of the items of a unit that lie below `length`; lists are sorted, so the rest lie behind.
DNABIRD_HD std::int32_t used_end(const AttentionView& a, const WorkUnit& unit,
                                 std::int32_t length) {
  std::int32_t end = unit.end;
  while (end > unit.begin && a.schedule.items[end - 1].block * a.block_size >= length) --end;
  return end;
}

/// Where the partial result of a slot lies; `size` floats are one of the sizes below.
DNABIRD_HD float* slot_address(const AttentionView& a, const HeadPlace& place, std::int32_t slot,
                               std::int64_t size) {
  return a.partials + (std::int64_t{place.index} * a.schedule.slots + slot) * size;
}
/// Floats of a slot of forward: unnormalised out (S,D), largest score (S), sum (S).
DNABIRD_HD std::int64_t forward_partial_size(std::int64_t block_size, std::int64_t head_size) {
  return block_size * (head_size + 2);
}
/// Floats of a slot of the pass of dQ: dQ (S,D) without the scale.
DNABIRD_HD std::int64_t query_partial_size(std::int64_t block_size, std::int64_t head_size) {
  return block_size * head_size;
}
/// Floats of a slot of the pass of dK and dV: dK (S,D) without the scale, dV (S,D).
DNABIRD_HD std::int64_t key_partial_size(std::int64_t block_size, std::int64_t head_size) {
  return 2 * block_size * head_size;
}

}  // namespace dnabird::kernels::cuda
