// The schedule of block attention on CUDA: every pair exactly once with its multiplicity, however
// lists are split.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <stdexcept>
#include <tuple>

#include "kernels/cuda/attention/schedule.h"
#include "support/cuda_patterns.h"

namespace dnabird::test {
namespace {

using kernels::cuda::compile_schedule;
using kernels::cuda::compile_tile_schedule;
using kernels::cuda::kGranules;
using kernels::cuda::Schedule;
using kernels::cuda::Side;
using kernels::cuda::SplitRule;
using kernels::cuda::WorkUnit;

using Pair = std::tuple<std::int32_t, std::int32_t, std::int32_t>;  // head, query, key block

/// Multiplicity of every pair as the lists say it.
std::map<Pair, double> pairs_of(const BlockLists& lists) {
  std::map<Pair, double> pairs;
  for (std::size_t head = 0; head < lists.keys.size(); ++head) {
    for (std::size_t row = 0; row < lists.keys[head].size(); ++row) {
      for (const auto& [key, multiplicity] : lists.keys[head][row]) {
        pairs[{head, row, key}] = multiplicity;
      }
    }
  }
  return pairs;
}

/// Multiplicity of every pair as the units say it, all units of it added up.
std::map<Pair, double> pairs_of(const Schedule& schedule, Side side) {
  std::map<Pair, double> pairs;
  for (const WorkUnit& unit : schedule.units) {
    for (std::int32_t i = unit.begin; i < unit.end; ++i) {
      const auto& item = schedule.items.at(static_cast<std::size_t>(i));
      const Pair pair = side == Side::rows ? Pair{unit.head, unit.block, item.block}
                                           : Pair{unit.head, item.block, unit.block};
      pairs[pair] += std::exp2(item.log2_multiplicity);
    }
  }
  return pairs;
}

void expect_covered(const BlockLists& lists, const SplitRule& rule, Side side) {
  HostPattern pattern(lists);
  const Schedule schedule = compile_schedule(pattern.view(), side, rule);
  const auto expected = pairs_of(lists), actual = pairs_of(schedule, side);
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [pair, multiplicity] : expected) {
    ASSERT_NEAR(actual.at(pair), multiplicity, 1e-6 * multiplicity);
  }
}

/// Every row or column has either one whole unit or parts 0..n-1, which meet end to end, in slots
/// of their own; slots are 0..slots-1; units are sorted by head, then by length.
void expect_well_formed(const Schedule& schedule, std::int64_t rows, std::int64_t blocks) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::map<std::int32_t, WorkUnit>> units;
  std::vector<int> used(static_cast<std::size_t>(schedule.slots), 0);
  for (std::size_t i = 0; i < schedule.units.size(); ++i) {
    const WorkUnit& unit = schedule.units[i];
    if (i > 0) {
      const WorkUnit& before = schedule.units[i - 1];
      ASSERT_LE(before.head, unit.head);
      if (before.head == unit.head) {
        EXPECT_GE(before.end - before.begin, unit.end - unit.begin);
      }
    }
    EXPECT_TRUE((units[{unit.head, unit.block}].emplace(unit.part, unit).second));
    if (unit.slot >= 0) ++used.at(static_cast<std::size_t>(unit.slot));
  }
  EXPECT_EQ(static_cast<std::int64_t>(units.size()), rows * blocks);
  for (const int uses : used) EXPECT_EQ(uses, 1);
  std::int32_t in_splits = 0;
  for (const auto& split : schedule.splits) {
    const auto& parts = units.at({split.head, split.block});
    ASSERT_EQ(static_cast<std::int32_t>(parts.size()), split.parts);
    ASSERT_GE(split.parts, 2);
    in_splits += split.parts;
    for (std::int32_t part = 0; part < split.parts; ++part) {
      EXPECT_EQ(parts.at(part).slot, split.first_slot + part);
      if (part > 0) {
        EXPECT_EQ(parts.at(part).begin, parts.at(part - 1).end);
      }
    }
  }
  EXPECT_EQ(in_splits, schedule.slots);
}

TEST(CudaScheduleTest, EveryPairIsCoveredOnceHoweverListsAreSplit) {
  RandomValues random(1);
  std::vector<BlockLists> patterns;
  for (std::int64_t blocks = 1; blocks <= 20; ++blocks) {
    patterns.push_back(dense_lists(blocks, 64));
    patterns.push_back(random_lists(1 + blocks % 3, blocks, 64, random));
    patterns.push_back(bird_lists(2, blocks, 64, random));
  }
  for (const std::int64_t blocks : {64, 100, 256}) {
    patterns.push_back(bird_lists(3, blocks, 64, random));
  }
  for (const BlockLists& lists : patterns) {
    for (const std::int32_t forced : {0, 1, 2, 7}) {
      for (const Side side : {Side::rows, Side::columns}) {
        const SplitRule rule{16, forced};
        expect_covered(lists, rule, side);
        HostPattern pattern(lists);
        expect_well_formed(compile_schedule(pattern.view(), side, rule),
                           static_cast<std::int64_t>(lists.keys.size()), lists.blocks);
      }
    }
  }
}

TEST(CudaScheduleTest, AThousandBlocks) {
  RandomValues random(2);
  const BlockLists lists = bird_lists(2, 1024, 64, random);
  HostPattern pattern(lists);
  for (const Side side : {Side::rows, Side::columns}) {
    const Schedule schedule = compile_schedule(pattern.view(), side, {});
    expect_well_formed(schedule, 2, 1024);
    expect_covered(lists, {}, side);
    // The global rows are split, and no unit is much longer than a part.
    EXPECT_GE(schedule.splits.size(), 4U);
    for (const WorkUnit& unit : schedule.units) EXPECT_LE(unit.end - unit.begin, 24);
  }
}

TEST(CudaScheduleTest, ShortListsStayWholeAndEmptyOnesHaveAUnit) {
  const BlockLists lists{3, 64, {{{{0, 1}}, {}, {{0, 1}, {1, 4}, {2, 1}}}}};
  HostPattern pattern(lists);
  const Schedule schedule = compile_schedule(pattern.view(), Side::rows, {});
  EXPECT_EQ(schedule.slots, 0);
  ASSERT_EQ(schedule.units.size(), 3U);
  EXPECT_EQ(schedule.units[0].block, 2);
  EXPECT_EQ(schedule.units[2].block, 1);
  EXPECT_EQ(schedule.units[2].begin, schedule.units[2].end);
  EXPECT_EQ(schedule.items[2].log2_multiplicity, 2.0F);
}

TEST(CudaScheduleTest, ForcedPartsNeverExceedTheItems) {
  const BlockLists lists = dense_lists(5, 64);
  HostPattern pattern(lists);
  const Schedule schedule = compile_schedule(pattern.view(), Side::rows, {16, 7});
  EXPECT_EQ(schedule.slots, 25);
  for (const WorkUnit& unit : schedule.units) EXPECT_EQ(unit.end - unit.begin, 1);
}

/// Multiplicity of every pair of granules of 16 tokens as the lists say it, in blocks of the lists.
double multiplicity_of(const BlockLists& lists, std::size_t head, std::int64_t query,
                       std::int64_t key) {
  const std::int64_t size = lists.block_size / 16;
  if (query / size >= lists.blocks) return 0;
  const auto& row = lists.keys[head][static_cast<std::size_t>(query / size)];
  const auto found = row.find(static_cast<std::int32_t>(key / size));
  return found == row.end() ? 0 : found->second;
}

void expect_granules(const BlockLists& lists, const Schedule& schedule, Side side) {
  const std::int64_t ratio = 64 / lists.block_size;
  expect_well_formed(schedule, static_cast<std::int64_t>(lists.keys.size()),
                     (lists.blocks + ratio - 1) / ratio);
  ASSERT_EQ(schedule.granules.size(), kGranules * schedule.items.size());
  double listed = 0, expected = 0;
  for (const WorkUnit& unit : schedule.units) {
    const auto head = static_cast<std::size_t>(unit.head);
    for (std::int32_t i = unit.begin; i < unit.end; ++i) {
      for (int own = 0; own < kGranules; ++own) {
        for (int other = 0; other < kGranules; ++other) {
          const auto item = static_cast<std::size_t>(i);
          const float bias = schedule.granules[kGranules * item + static_cast<std::size_t>(own)]
                                 .log2_multiplicity[other];
          const std::int64_t mine = kGranules * unit.block + own;
          const std::int64_t its = kGranules * schedule.items[item].block + other;
          const bool rows = side == Side::rows;
          const double truth = multiplicity_of(lists, head, rows ? mine : its, rows ? its : mine);
          ASSERT_NEAR(std::exp2(bias), truth, 1e-6 * truth);
          listed += truth;
        }
      }
    }
  }
  for (const auto& [pair, multiplicity] : pairs_of(lists)) expected += multiplicity;
  const std::int64_t granules = lists.block_size / 16;
  EXPECT_NEAR(listed, expected * static_cast<double>(granules * granules), 1e-6 * listed);
}

TEST(CudaScheduleTest, TilesOfSmallerBlocksHoldEveryPairOfThem) {
  RandomValues random(3);
  for (const std::int64_t block_size : {16, 32}) {
    for (const std::int64_t blocks : {1, 2, 3, 4, 5, 7, 19, 64}) {
      for (const BlockLists& lists : {random_lists(2, blocks, block_size, random),
                                      bird_lists(1 + blocks % 3, blocks, block_size, random)}) {
        SCOPED_TRACE(testing::Message() << blocks << " blocks of " << block_size);
        const HostPattern pattern(lists);
        for (const Side side : {Side::rows, Side::columns}) {
          for (const std::int32_t forced : {0, 2}) {
            const Schedule s = compile_tile_schedule(pattern.view(), side, {16, forced});
            // A pattern that happens to be dense needs no granules.
            if (!s.granules.empty()) expect_granules(lists, s, side);
          }
        }
      }
    }
  }
}

TEST(CudaScheduleTest, DenseListsOfSmallerBlocksAreThoseOfTiles) {
  for (const std::int64_t block_size : {16, 32, 64}) {
    for (const std::int64_t blocks : {1, 4, 5, 19}) {
      const HostPattern pattern(dense_lists(blocks, block_size));
      const HostPattern tiles(dense_lists((blocks * block_size + 63) / 64, 64));
      const Schedule actual = compile_tile_schedule(pattern.view(), Side::columns, {});
      const Schedule expected = compile_schedule(tiles.view(), Side::columns, {});
      EXPECT_TRUE(actual.granules.empty());
      ASSERT_EQ(actual.items.size(), expected.items.size());
      for (std::size_t i = 0; i < expected.items.size(); ++i) {
        EXPECT_EQ(actual.items[i].block, expected.items[i].block);
        EXPECT_EQ(actual.items[i].log2_multiplicity, 0.0F);
      }
      EXPECT_EQ(actual.units.size(), expected.units.size());
    }
  }
}

TEST(CudaScheduleTest, BrokenListsAreRefused) {
  HostPattern pattern(dense_lists(3, 64));
  const auto compile = [&] { compile_schedule(pattern.view(), Side::rows, {}); };
  EXPECT_NO_THROW(compile());
  pattern.key_block[1] = 0;  // listed twice
  EXPECT_THROW(compile(), std::invalid_argument);
  pattern.key_block[1] = 1;
  pattern.key_block[8] = 3;  // beyond the sequence
  EXPECT_THROW(compile(), std::invalid_argument);
  pattern.key_block[8] = 2;
  pattern.row_multiplicity[4] = 0;
  EXPECT_THROW(compile(), std::invalid_argument);
}

}  // namespace
}  // namespace dnabird::test
