#include "seq/rank_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/rng.h"

namespace dnabird::seq {
namespace {

TEST(RankQueue, LowestRankThenLowestPlace) {
  RankQueue queue(5000);
  EXPECT_EQ(queue.lowest(), -1);
  queue.push(4999, 1);
  queue.push(64, 7);
  queue.push(64, 3);
  queue.push(64, 5);
  std::vector<std::int32_t> places = {9};
  EXPECT_EQ(queue.lowest(), 64);
  queue.take(64, places);
  EXPECT_EQ(places, (std::vector<std::int32_t>{3, 5, 7}));
  EXPECT_EQ(queue.lowest(), 4999);
  queue.push(0, 2);
  EXPECT_EQ(queue.lowest(), 0);
  queue.take(0, places);
  queue.take(4999, places);
  EXPECT_EQ(places, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(queue.lowest(), -1);
}

TEST(RankQueue, WithoutRanksItIsEmpty) { EXPECT_EQ(RankQueue(0).lowest(), -1); }

TEST(RankQueue, AgreesWithASortedMap) {
  for (const std::int32_t n_ranks : {1, 64, 65, 4096, 4097, 9000}) {
    RankQueue queue(static_cast<std::size_t>(n_ranks));
    std::map<std::int32_t, std::multiset<std::int32_t>> expected;
    core::Rng rng(static_cast<std::uint64_t>(n_ranks));
    std::vector<std::int32_t> places;
    for (int i = 0; i < 2000; ++i) {
      if (rng.below(3) > 0) {
        const auto rank = static_cast<std::int32_t>(rng.below(n_ranks));
        const auto place = static_cast<std::int32_t>(rng.below(100));
        queue.push(rank, place);
        expected[rank].insert(place);
        continue;
      }
      ASSERT_EQ(queue.lowest(), expected.empty() ? -1 : expected.begin()->first);
      if (expected.empty()) continue;
      queue.take(queue.lowest(), places);
      const auto& first = expected.begin()->second;
      ASSERT_EQ(places, std::vector<std::int32_t>(first.begin(), first.end()));
      expected.erase(expected.begin());
    }
  }
}

}  // namespace
}  // namespace dnabird::seq
