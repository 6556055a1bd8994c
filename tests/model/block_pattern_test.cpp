#include "model/block_pattern.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "support/errors.h"

namespace dnabird::model {
namespace {

using support::throws_data_error;

/// (head, query block, key block) to multiplicity, from the rows and from the columns.
using Pairs = std::map<std::tuple<std::int64_t, std::int32_t, std::int32_t>, std::int32_t>;

Pairs pairs_of(const BlockPattern& p, const std::vector<std::int32_t>& begin,
               const std::vector<std::int32_t>& other, const std::vector<std::int32_t>& times,
               bool by_row) {
  Pairs pairs;
  EXPECT_EQ(static_cast<std::int64_t>(begin.size()), p.heads * p.blocks + 1);
  EXPECT_EQ(begin.front(), 0);
  EXPECT_EQ(begin.back(), p.pairs());
  for (std::int64_t list = 0; list < p.heads * p.blocks; ++list) {
    const auto block = static_cast<std::int32_t>(list % p.blocks);
    for (std::int32_t i = begin[list]; i < begin[list + 1]; ++i) {
      EXPECT_TRUE(other[i] >= 0 && other[i] < p.blocks);
      EXPECT_TRUE(i == begin[list] || other[i - 1] < other[i]) << "sorted, each block once";
      EXPECT_GE(times[i], 1);
      pairs[{list / p.blocks, by_row ? block : other[i], by_row ? other[i] : block}] = times[i];
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(pairs.size()), p.pairs());
  return pairs;
}
Pairs rows_of(const BlockPattern& p) {
  return pairs_of(p, p.row_begin, p.key_block, p.row_multiplicity, true);
}
Pairs columns_of(const BlockPattern& p) {
  return pairs_of(p, p.column_begin, p.query_block, p.column_multiplicity, false);
}

std::set<std::int32_t> row(const BlockPattern& p, std::int64_t head, std::int64_t block) {
  const std::int64_t list = head * p.blocks + block;
  return {p.key_block.begin() + p.row_begin[list], p.key_block.begin() + p.row_begin[list + 1]};
}

/// Window of 3 and the global blocks, by the definition.
bool is_fixed(std::int64_t query, std::int64_t key, std::int64_t blocks) {
  const bool global = query == 0 || query == blocks - 1 || key == 0 || key == blocks - 1;
  return global || std::abs(query - key) <= 1;
}

void check_uniform(const PatternOptions& options) {
  const BlockPattern p = uniform_pattern(options);
  const std::int64_t n = options.blocks;
  SCOPED_TRACE("blocks " + std::to_string(n) + ", random " + std::to_string(options.random_blocks));
  EXPECT_EQ(p.blocks, n);
  EXPECT_EQ(p.block_size, options.block_size);
  EXPECT_EQ(rows_of(p), columns_of(p));
  EXPECT_TRUE(std::all_of(p.row_multiplicity.begin(), p.row_multiplicity.end(),
                          [](std::int32_t m) { return m == 1; }));
  ASSERT_EQ(p.heads, p.is_dense() ? 1 : options.heads);
  for (std::int64_t head = 0; head < p.heads; ++head) {
    for (std::int64_t query = 0; query < n; ++query) {
      const std::set<std::int32_t> keys = row(p, head, query);
      std::int64_t fixed = 0;
      for (std::int64_t key = 0; key < n; ++key) {
        if (!is_fixed(query, key, n)) continue;
        ++fixed;
        EXPECT_TRUE(keys.contains(static_cast<std::int32_t>(key))) << query << ' ' << key;
      }
      EXPECT_EQ(static_cast<std::int64_t>(keys.size()), std::min(n, fixed + options.random_blocks))
          << "row " << query;
    }
  }
}

TEST(UniformPattern, ListsWindowGlobalsAndDistinctRandomBlocks) {
  for (const std::int64_t block_size : {16, 32, 64}) {
    for (std::int64_t n = 1; n <= 64; ++n) {
      for (const std::int64_t random : {0, 1, 3}) check_uniform({3, n, block_size, random, 5, 2});
    }
  }
  for (const std::int64_t n : {100, 257, 1024}) check_uniform({2, n, 64, 3, 1, 0});
  check_uniform({1, 12, 16, 50, 1, 0});
}

TEST(UniformPattern, IsDenseExactlyWhenAllBlocksAreListed) {
  for (std::int64_t n = 1; n <= 20; ++n) {
    for (std::int64_t random = 0; random <= 12; ++random) {
      std::int64_t least = n;
      for (std::int64_t query = 0; query < n; ++query) {
        std::int64_t fixed = 0;
        for (std::int64_t key = 0; key < n; ++key) fixed += is_fixed(query, key, n);
        least = std::min(least, fixed + random);
      }
      const BlockPattern p = uniform_pattern({4, n, 16, random, 1, 0});
      EXPECT_EQ(p.is_dense(), least >= n) << n << ' ' << random;
      if (!p.is_dense()) continue;
      EXPECT_EQ(p.key_block, dense_pattern(n, 16).key_block);
      EXPECT_EQ(p.heads, 1);
    }
  }
}

TEST(UniformPattern, EveryBlockIsDrawnEquallyOften) {
  // Row 10 of 20 blocks: 0, 9, 10, 11, 19 are fixed, 15 others share 3 draws.
  std::map<std::int32_t, int> times;
  const int draws = 5000;
  for (int seed = 0; seed < draws; ++seed) {
    const BlockPattern p = uniform_pattern({1, 20, 16, 3, static_cast<std::uint64_t>(seed), 0});
    for (const std::int32_t key : row(p, 0, 10)) ++times[key];
  }
  for (const std::int32_t key : {0, 9, 10, 11, 19}) EXPECT_EQ(times[key], draws);
  for (std::int32_t key = 1; key < 19; ++key) {
    // Binomial with p = 1/5: a standard deviation of 28.
    if (is_fixed(10, key, 20)) continue;
    EXPECT_NEAR(times[key], draws / 5, 130) << key;
  }
}

TEST(UniformPattern, LayersHeadsSeedsAndLengthsHaveDrawsOfTheirOwn) {
  const PatternOptions base{4, 40, 64, 3, 1, 0};
  const BlockPattern p = uniform_pattern(base);
  EXPECT_EQ(rows_of(p), rows_of(uniform_pattern(base)));
  const auto differ = [&](const BlockPattern& a, std::int64_t head_a, const BlockPattern& b,
                          std::int64_t head_b) {
    int rows = 0;
    for (std::int64_t query = 1; query < 39; ++query) {
      rows += row(a, head_a, query) != row(b, head_b, query);
    }
    return rows > 30;
  };
  for (std::int64_t head = 1; head < 4; ++head) EXPECT_TRUE(differ(p, 0, p, head));
  PatternOptions other = base;
  other.layer = 1;
  EXPECT_TRUE(differ(p, 0, uniform_pattern(other), 0));
  EXPECT_TRUE(differ(p, 1, uniform_pattern(other), 0));
  other = base;
  other.seed = 2;
  EXPECT_TRUE(differ(p, 0, uniform_pattern(other), 0));
  other = base;
  other.heads = 2;  // the first heads do not hang on how many there are
  EXPECT_FALSE(differ(p, 1, uniform_pattern(other), 1));
  other = base;
  other.block_size = 16;  // nor on the size of a block
  EXPECT_FALSE(differ(p, 1, uniform_pattern(other), 1));
}

std::uint64_t hash_of(const BlockPattern& p) {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a
  const auto add = [&](const std::vector<std::int32_t>& values) {
    for (const std::int32_t value : values) {
      hash = (hash ^ static_cast<std::uint32_t>(value)) * 1099511628211ull;
    }
  };
  add(p.row_begin);
  add(p.key_block);
  add(p.column_begin);
  add(p.query_block);
  return hash;
}

TEST(UniformPattern, NeverChanges) {
  // Shipped models were trained on these draws: another pattern would be another model.
  EXPECT_EQ(hash_of(uniform_pattern({4, 19, 16, 3, 1, 0})), 502645204414941147u);
  EXPECT_EQ(hash_of(uniform_pattern({4, 19, 16, 3, 1, 3})), 11771761281673280643u);
  EXPECT_EQ(hash_of(uniform_pattern({12, 64, 64, 3, 7, 11})), 15785740269562334003u);
  EXPECT_EQ(hash_of(uniform_pattern({2, 1024, 64, 2, 123456789012345, 0})), 2818651297496044343u);
  const std::set<std::int32_t> drawn = row(uniform_pattern({4, 19, 16, 3, 1, 0}), 2, 9);
  EXPECT_EQ(drawn, (std::set<std::int32_t>{0, 2, 4, 8, 9, 10, 16, 18}));
}

TEST(UniformPattern, RefusesOptionsWithoutMeaning) {
  for (const PatternOptions& options :
       {PatternOptions{0, 4, 16, 1, 1, 0}, PatternOptions{1, 0, 16, 1, 1, 0},
        PatternOptions{1, 4, 0, 1, 1, 0}, PatternOptions{1, 4, 16, -1, 1, 0},
        PatternOptions{1, 4, 16, 1, 1, -1}}) {
    EXPECT_THROW(uniform_pattern(options), std::logic_error);
  }
  EXPECT_THROW(dense_pattern(0, 16), std::logic_error);
}

TEST(DensePattern, ListsEveryPair) {
  for (std::int64_t n = 1; n <= 20; ++n) {
    const BlockPattern p = dense_pattern(n, 32);
    EXPECT_TRUE(p.is_dense());
    EXPECT_EQ(p.pairs(), n * n);
    EXPECT_EQ(rows_of(p), columns_of(p));
  }
}

TEST(ListPattern, CountsRepetitionsAndSorts) {
  const BlockPattern p =
      list_pattern({{{2, 0, 2, 2}, {}, {1}}, {{1, 1}, {0, 2}, {2, 2, 2, 2}}}, 16);
  EXPECT_EQ(p.heads, 2);
  EXPECT_EQ(p.blocks, 3);
  EXPECT_FALSE(p.is_dense());
  const Pairs expected = {{{0, 0, 0}, 1}, {{0, 0, 2}, 3}, {{0, 2, 1}, 1}, {{1, 0, 1}, 2},
                          {{1, 1, 0}, 1}, {{1, 1, 2}, 1}, {{1, 2, 2}, 4}};
  EXPECT_EQ(rows_of(p), expected);
  EXPECT_EQ(columns_of(p), expected);
}

TEST(ListPattern, WithEveryBlockOnceIsDense) {
  EXPECT_TRUE(list_pattern({{{1, 0}, {0, 1}}}, 16).is_dense());
  EXPECT_FALSE(list_pattern({{{1, 0}, {0, 1, 1}}}, 16).is_dense());
}

TEST(ListPattern, NamesTheBlockThatIsOutOfRange) {
  EXPECT_THAT(
      [] {
        list_pattern({{{0}, {1}}, {{0}, {2}}}, 16);
      },
      throws_data_error("head 1", "query block 1", "key block 2", "0 to 1"));
  EXPECT_THAT([] { list_pattern({{{-1}}}, 16); }, throws_data_error("key block -1"));
  EXPECT_THROW(list_pattern({{{0}, {1}}, {{0}}}, 16), std::logic_error);
  EXPECT_THROW(list_pattern({}, 16), std::logic_error);
}

TEST(FixedPattern, HoldsTheSameArrays) {
  const BlockPattern p = uniform_pattern({2, 17, 32, 2, 3, 1});
  const FixedPattern fixed(p);
  const kernels::BlockPatternView view = fixed.view();
  EXPECT_EQ(view.heads, 2);
  EXPECT_EQ(view.blocks, 17);
  EXPECT_EQ(view.block_size, 32);
  const auto same = [&](const std::int32_t* values, const std::vector<std::int32_t>& expected) {
    return std::equal(expected.begin(), expected.end(), values);
  };
  EXPECT_TRUE(same(view.row_begin, p.row_begin));
  EXPECT_TRUE(same(view.key_block, p.key_block));
  EXPECT_TRUE(same(view.row_multiplicity, p.row_multiplicity));
  EXPECT_TRUE(same(view.column_begin, p.column_begin));
  EXPECT_TRUE(same(view.query_block, p.query_block));
  EXPECT_TRUE(same(view.column_multiplicity, p.column_multiplicity));
}

TEST(FixedPattern, HasAnIdOfItsOwn) {
  const BlockPattern p = dense_pattern(3, 16);
  const FixedPattern first(p), second(p);
  EXPECT_NE(first.view().id, 0);
  EXPECT_NE(first.view().id, second.view().id);
}

}  // namespace
}  // namespace dnabird::model
