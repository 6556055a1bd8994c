#include "core/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
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

/// A second step that changes nothing.
template <class T>
T as_it_is(T item) {
  return item;
}

TEST(PrepareAheadOnOneThread, KeepsTheOrder) {
  for (const std::size_t n_ahead : {1u, 3u, 100u}) {
    PrepareAhead<Item, Item> items(counter(50, false), as_it_is<Item>, 1, n_ahead);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(**items.next(), i);
    EXPECT_FALSE(items.next());
    EXPECT_FALSE(items.next());
  }
}

TEST(PrepareAheadOnOneThread, ThrowsBehindTheItemsBeforeTheError) {
  PrepareAhead<Item, Item> items(counter(3, true), as_it_is<Item>, 1, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(**items.next(), i);
  EXPECT_THROW(items.next(), std::runtime_error);
  EXPECT_FALSE(items.next());
}

TEST(PrepareAheadOnOneThread, MakesNoMoreThanAskedFor) {
  std::atomic<int> n_made = 0;
  {
    PrepareAhead<int, int> items([&]() -> std::optional<int> { return n_made++; }, as_it_is<int>, 1,
                                 2);
    EXPECT_EQ(*items.next(), 0);
    EXPECT_EQ(*items.next(), 1);
  }
  // Two taken, two in the queue, one in the hand of who waits for room.
  EXPECT_GE(n_made, 2);
  EXPECT_LE(n_made, 5);
}

/// The number of an item, after a while that has nothing to do with its place.
int wait_and_read(const Item& item) {
  std::this_thread::sleep_for(std::chrono::microseconds(*item * 7919 % 300));
  return *item;
}

TEST(PrepareAhead, KeepsTheOrderOfReading) {
  for (const std::size_t n_threads : {1u, 2u, 7u}) {
    for (const std::size_t n_ahead : {1u, 3u, 100u}) {
      PrepareAhead<Item, int> items(counter(200, false), wait_and_read, n_threads, n_ahead);
      for (int i = 0; i < 200; ++i) ASSERT_EQ(items.next(), i);
      EXPECT_FALSE(items.next());
      EXPECT_FALSE(items.next());
    }
  }
}

TEST(PrepareAhead, ThrowsBehindTheItemsBeforeTheError) {
  for (const std::size_t n_threads : {1u, 2u, 7u}) {
    PrepareAhead<Item, int> unread(counter(30, true), wait_and_read, n_threads, 2);
    for (int i = 0; i < 30; ++i) ASSERT_EQ(unread.next(), i);
    EXPECT_THROW(unread.next(), std::runtime_error);
    EXPECT_FALSE(unread.next());

    const auto fails_behind_19 = [](const Item& item) {
      const int i = wait_and_read(item);
      if (i > 19) throw std::runtime_error(std::to_string(i));
      return i;
    };
    PrepareAhead<Item, int> unprepared(counter(1000, false), fails_behind_19, n_threads, 2);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(unprepared.next(), i);
    try {
      unprepared.next();
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "20");  // the first in order, whichever came first
    }
    EXPECT_FALSE(unprepared.next());
  }
}

TEST(PrepareAhead, ReadsNoMoreThanThreadsAndQueueHold) {
  std::atomic<int> n_read = 0;
  {
    PrepareAhead<int, int> items([&]() -> std::optional<int> { return n_read++; },
                                 [](int i) { return i; }, 3, 2);
    EXPECT_EQ(items.next(), 0);
    EXPECT_EQ(items.next(), 1);
  }
  EXPECT_LE(n_read, 2 + 2 + 3);  // taken, in the queue, one in the hand of each thread
}

TEST(PrepareAhead, MayBeLeftAtAnyTime) {
  for (int n_taken = 0; n_taken < 12; ++n_taken) {
    for (const bool fails : {false, true}) {
      PrepareAhead<Item, int> items(counter(8, fails), wait_and_read, 4, 1);
      for (int i = 0; i < std::min(n_taken, 8); ++i) EXPECT_EQ(items.next(), i);
    }
  }
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
