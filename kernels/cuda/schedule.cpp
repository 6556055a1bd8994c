#include "kernels/cuda/schedule.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace dnabird::kernels::cuda {

namespace {

struct Lists {
  const std::int32_t *begin, *block, *multiplicity;
};

Lists lists_of(const BlockPatternView& p, Side side) {
  if (side == Side::rows) return {p.row_begin, p.key_block, p.row_multiplicity};
  return {p.column_begin, p.query_block, p.column_multiplicity};
}

std::int32_t parts_of(std::int32_t length, const SplitRule& rule) {
  if (rule.forced_parts > 0) return std::min(rule.forced_parts, std::max(length, 1));
  if (2 * length <= 3 * rule.items_per_part) return 1;
  return (length + rule.items_per_part - 1) / rule.items_per_part;
}

void check_list(const BlockPatternView& p, const Lists& lists, std::int32_t begin,
                std::int32_t end) {
  if (end < begin) throw std::invalid_argument("block pattern: a list ends before it begins");
  for (std::int32_t i = begin; i < end; ++i) {
    const bool sorted = i == begin || lists.block[i - 1] < lists.block[i];
    if (!sorted || lists.block[i] < 0 || lists.block[i] >= p.blocks || lists.multiplicity[i] < 1) {
      throw std::invalid_argument(
          "block pattern: lists must name blocks of the sequence in ascending order, each once, "
          "with a multiplicity of at least 1");
    }
  }
}

}  // namespace

Schedule compile_schedule(const BlockPatternView& p, Side side, const SplitRule& rule) {
  const Lists lists = lists_of(p, side);
  Schedule schedule;
  schedule.pattern_heads = static_cast<std::int32_t>(p.heads);
  for (std::int64_t index = 0; index < p.heads * p.blocks; ++index) {
    const std::int32_t begin = lists.begin[index], end = lists.begin[index + 1];
    check_list(p, lists, begin, end);
    for (std::int32_t i = begin; i < end; ++i) {
      schedule.items.push_back(
          {lists.block[i], static_cast<float>(std::log2(lists.multiplicity[i]))});
    }
    const auto head = static_cast<std::int32_t>(index / p.blocks);
    const auto block = static_cast<std::int32_t>(index % p.blocks);
    const std::int32_t length = end - begin, parts = parts_of(length, rule);
    const std::int32_t first = static_cast<std::int32_t>(schedule.items.size()) - length;
    for (std::int32_t part = 0; part < parts; ++part) {
      const auto edge = [&](std::int64_t n) {
        return first + static_cast<std::int32_t>(n * length / parts);
      };
      schedule.units.push_back(
          {head, block, edge(part), edge(part + 1), part, parts == 1 ? -1 : schedule.slots + part});
    }
    if (parts == 1) continue;
    schedule.splits.push_back({head, block, schedule.slots, parts});
    schedule.slots += parts;
  }
  std::stable_sort(
      schedule.units.begin(), schedule.units.end(),
      [](const WorkUnit& a, const WorkUnit& b) { return a.end - a.begin > b.end - b.begin; });
  return schedule;
}

}  // namespace dnabird::kernels::cuda
