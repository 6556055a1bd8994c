#include "kernels/cuda/attention/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
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

/// Units for the last `length` items.
void add_units(Schedule& schedule, std::int64_t head, std::int64_t block, std::int32_t length,
               const SplitRule& rule) {
  const auto of_head = static_cast<std::int32_t>(head), of_block = static_cast<std::int32_t>(block);
  const std::int32_t parts = parts_of(length, rule);
  const std::int32_t first = static_cast<std::int32_t>(schedule.items.size()) - length;
  for (std::int32_t part = 0; part < parts; ++part) {
    const auto edge = [&](std::int64_t n) {
      return first + static_cast<std::int32_t>(n * length / parts);
    };
    schedule.units.push_back({of_head, of_block, edge(part), edge(part + 1), part,
                              parts == 1 ? -1 : schedule.slots + part});
  }
  if (parts == 1) return;
  schedule.splits.push_back({of_head, of_block, schedule.slots, parts});
  schedule.slots += parts;
}

void sort_units(Schedule& schedule) {
  std::stable_sort(schedule.units.begin(), schedule.units.end(),
                   [](const WorkUnit& a, const WorkUnit& b) {
                     if (a.head != b.head) return a.head < b.head;
                     return a.end - a.begin > b.end - b.begin;
                   });
}

float log2_of(std::int32_t multiplicity) { return static_cast<float>(std::log2(multiplicity)); }

/// The smaller pairs in a pair of tiles: log2 of their multiplicities.
class TilePair {
 public:
  TilePair() {
    for (GranuleBias& row : rows_) std::fill_n(row.log2_multiplicity, kGranules, kNotListed);
  }
  /// `own` and `other` are blocks of `size` granules in their tiles.
  void list(std::int64_t own, std::int64_t other, std::int64_t size, float log2_multiplicity) {
    for (std::int64_t i = own * size; i < (own + 1) * size; ++i) {
      std::fill_n(rows_[i].log2_multiplicity + other * size, size, log2_multiplicity);
    }
  }
  /// Whether the first `own` times `other` granules, those of the sequence, have one multiplicity.
  bool is_uniform(std::int64_t own, std::int64_t other) const {
    const float first = rows_[0].log2_multiplicity[0];
    return first != kNotListed && std::all_of(rows_, rows_ + own, [&](const GranuleBias& row) {
             return std::all_of(row.log2_multiplicity, row.log2_multiplicity + other,
                                [&](float here) { return here == first; });
           });
  }
  const GranuleBias* rows() const { return rows_; }

 private:
  static constexpr float kNotListed = -std::numeric_limits<float>::infinity();
  GranuleBias rows_[kGranules];
};

}  // namespace

Schedule compile_schedule(const BlockPatternView& p, Side side, const SplitRule& rule) {
  const Lists lists = lists_of(p, side);
  Schedule schedule;
  schedule.pattern_heads = static_cast<std::int32_t>(p.heads);
  for (std::int64_t index = 0; index < p.heads * p.blocks; ++index) {
    const std::int32_t begin = lists.begin[index], end = lists.begin[index + 1];
    check_list(p, lists, begin, end);
    for (std::int32_t i = begin; i < end; ++i) {
      schedule.items.push_back({lists.block[i], log2_of(lists.multiplicity[i])});
    }
    add_units(schedule, index / p.blocks, index % p.blocks, end - begin, rule);
  }
  sort_units(schedule);
  return schedule;
}

Schedule compile_tile_schedule(const BlockPatternView& p, Side side, const SplitRule& rule) {
  if (p.block_size == kBlock) return compile_schedule(p, side, rule);
  const Lists lists = lists_of(p, side);
  const std::int64_t ratio = kBlock / p.block_size, size = p.block_size / kGranule;
  const std::int64_t tiles = (p.blocks + ratio - 1) / ratio;
  const auto blocks_of = [&](std::int64_t tile) {
    return std::min(ratio, p.blocks - tile * ratio);
  };
  Schedule schedule;
  schedule.pattern_heads = static_cast<std::int32_t>(p.heads);
  bool uniform = true;
  for (std::int64_t n = 0; n < p.heads * tiles; ++n) {
    const std::int64_t head = n / tiles, tile = n % tiles;
    std::map<std::int32_t, TilePair> pairs;
    for (std::int64_t own = 0; own < blocks_of(tile); ++own) {
      const std::int32_t* begin = lists.begin + head * p.blocks + tile * ratio + own;
      check_list(p, lists, begin[0], begin[1]);
      for (std::int32_t i = begin[0]; i < begin[1]; ++i) {
        const std::int64_t block = lists.block[i];
        pairs[static_cast<std::int32_t>(block / ratio)].list(own, block % ratio, size,
                                                             log2_of(lists.multiplicity[i]));
      }
    }
    for (const auto& [other, pair] : pairs) {
      const GranuleBias* rows = pair.rows();
      uniform = uniform && pair.is_uniform(blocks_of(tile) * size, blocks_of(other) * size);
      schedule.items.push_back({other, rows[0].log2_multiplicity[0]});
      schedule.granules.insert(schedule.granules.end(), rows, rows + kGranules);
    }
    add_units(schedule, head, tile, static_cast<std::int32_t>(pairs.size()), rule);
  }
  if (uniform) schedule.granules.clear();
  sort_units(schedule);
  return schedule;
}

}  // namespace dnabird::kernels::cuda
