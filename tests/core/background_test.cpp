#include "core/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <vector>

namespace dnabird::core {
namespace {

using Item = std::unique_ptr<int>;  // as records are: moved, never copied
using testing::ElementsAre;

/// 0, 1, ... up to n - 1, then the end, or an error in its place.
std::function<std::optional<Item>()> counter(int n, bool fails) {
  return [i = 0, n, fails]() mutable -> std::optional<Item> {
    if (i < n) return std::make_unique<int>(i++);
    if (fails) throw std::runtime_error("no more");
    return std::nullopt;
  };
}

TEST(ReadAhead, KeepsTheOrder) {
  for (const std::size_t n_ahead : {1u, 3u, 100u}) {
    ReadAhead<Item> items(counter(50, false), n_ahead);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(**items.next(), i);
    EXPECT_FALSE(items.next());
    EXPECT_FALSE(items.next());
  }
}

TEST(ReadAhead, ThrowsBehindTheItemsBeforeTheError) {
  ReadAhead<Item> items(counter(3, true), 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(**items.next(), i);
  EXPECT_THROW(items.next(), std::runtime_error);
  EXPECT_FALSE(items.next());
}

TEST(ReadAhead, MakesNoMoreThanAskedFor) {
  std::atomic<int> n_made = 0;
  {
    ReadAhead<int> items([&]() -> std::optional<int> { return n_made++; }, 2);
    EXPECT_EQ(*items.next(), 0);
    EXPECT_EQ(*items.next(), 1);
  }
  // Two taken, two in the queue, one in the hand of who waits for room.
  EXPECT_GE(n_made, 2);
  EXPECT_LE(n_made, 5);
}

TEST(WriteBehind, KeepsTheOrderAndFinishes) {
  for (const std::size_t n_behind : {1u, 3u, 100u}) {
    std::vector<int> used;
    WriteBehind<Item> items([&](Item item) { used.push_back(*item); }, n_behind);
    for (int i = 0; i < 50; ++i) items.push(std::make_unique<int>(i));
    items.finish();
    std::vector<int> expected(50);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(used, expected);
  }
}

TEST(WriteBehind, ThrowsWhatAnItemThrew) {
  std::vector<int> used;
  WriteBehind<Item> items(
      [&](Item item) {
        if (*item == 2) throw std::runtime_error("full");
        used.push_back(*item);
      },
      1);
  const auto push_all = [&] {
    for (int i = 0; i < 50; ++i) items.push(std::make_unique<int>(i));
    items.finish();
  };
  EXPECT_THROW(push_all(), std::runtime_error);
  EXPECT_THAT(used, ElementsAre(0, 1));
}

TEST(WriteBehind, WithoutFinishWhatWaitsIsLetGo) {
  std::atomic<bool> may_go = false;
  int n_used = 0;
  {
    WriteBehind<int> items(
        [&](int) {
          may_go.wait(false);
          ++n_used;
        },
        10);
    for (int i = 0; i < 5; ++i) items.push(i);
    may_go = true;
    may_go.notify_all();
  }
  EXPECT_LE(n_used, 5);
}

}  // namespace
}  // namespace dnabird::core
