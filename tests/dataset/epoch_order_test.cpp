#include "data/epoch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "support/errors.h"

namespace dnabird::data {
namespace {

using support::throws_data_error;

std::vector<std::int64_t> take(EpochOrder& order, int n) {
  std::vector<std::int64_t> rows;
  for (int i = 0; i < n; ++i) rows.push_back(order.next());
  return rows;
}

TEST(EpochOrder, EveryEpochNamesEachRowOnce) {
  for (const int n : {1, 2, 7, 100}) {
    EpochOrder order(n, 5);
    std::vector<std::int64_t> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    for (int epoch = 0; epoch < 4; ++epoch) {
      std::vector<std::int64_t> rows = take(order, n);
      EXPECT_EQ(order.place(), (EpochOrder::Place{epoch, n}));
      std::sort(rows.begin(), rows.end());
      EXPECT_EQ(rows, all);
    }
  }
}

TEST(EpochOrder, EpochsSeedsAndStreamsAreShuffledAnew) {
  EpochOrder order(50, 5), same(50, 5), seed(50, 6), stream(50, 5, 1);
  const std::vector<std::int64_t> first = take(order, 50);
  EXPECT_EQ(take(same, 50), first);
  EXPECT_NE(take(order, 50), first);
  EXPECT_NE(take(seed, 50), first);
  EXPECT_NE(take(stream, 50), first);
}

TEST(EpochOrder, GoesOnBehindAPlace) {
  for (const int done : {0, 3, 9, 10, 11, 20, 27}) {
    EpochOrder order(10, 5);
    take(order, done);
    EpochOrder again(10, 5);
    take(again, 4);
    again.seek(order.place());
    EXPECT_EQ(again.place(), order.place());
    EXPECT_EQ(take(again, 25), take(order, 25)) << done;
  }
}

TEST(EpochOrder, RefusesPlacesThatDoNotExist) {
  EpochOrder order(10, 5);
  EXPECT_THAT([&] { order.seek({0, 11}); }, throws_data_error("position 11", "10 sequences"));
  EXPECT_THAT([&] { order.seek({-1, 0}); }, throws_data_error("epoch -1"));
  EXPECT_THAT([&] { order.seek({0, -1}); }, throws_data_error("position -1"));
  EXPECT_THROW(EpochOrder(0, 5), std::logic_error);
}

}  // namespace
}  // namespace dnabird::data
