#include "core/busy_time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace dnabird::core {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(BusyTime, CountsUsesThatOverlapOnce) {
  using namespace std::chrono_literals;
  BusyTime time;
  EXPECT_EQ(time.seconds(), 0);
  const auto begin = std::chrono::steady_clock::now();
  {
    const BusyTime::Use outer(time);
    std::thread([&] {
      const BusyTime::Use inner(time);
      std::this_thread::sleep_for(20ms);
    }).join();
    EXPECT_EQ(time.seconds(), 0) << "the outer one goes on";
    std::this_thread::sleep_for(5ms);
  }
  const double all = seconds_since(begin), busy = time.seconds();
  EXPECT_GE(busy, 0.025);
  EXPECT_LE(busy, all);
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(time.seconds(), busy) << "nothing goes on";
  { const BusyTime::Use again(time); }
  EXPECT_GE(time.seconds(), busy);
}

}  // namespace
}  // namespace dnabird::core
