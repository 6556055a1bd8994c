#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace dnabird::train {
namespace {

TEST(Schedule, RisesInEqualStepsToThePeak) {
  const Schedule schedule{0.8, 4, 10, LrDecay::linear};
  EXPECT_DOUBLE_EQ(schedule.learning_rate(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(4), 0.8);
}

TEST(Schedule, FallsLinearlyTowardsZeroBehindTheRun) {
  const Schedule schedule{0.6, 4, 10, LrDecay::linear};
  EXPECT_DOUBLE_EQ(schedule.learning_rate(5), 0.6);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(6), 0.5);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(10), 0.1);
}

TEST(Schedule, FallsAsACosine) {
  const Schedule schedule{2, 0, 4, LrDecay::cosine};
  EXPECT_DOUBLE_EQ(schedule.learning_rate(1), 2);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(2), 1 + std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(schedule.learning_rate(3), 1);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(4), 1 - std::sqrt(0.5));
}

TEST(Schedule, StaysAtThePeak) {
  const Schedule schedule{0.3, 1, 5, LrDecay::constant};
  for (int step = 1; step <= 5; ++step) EXPECT_DOUBLE_EQ(schedule.learning_rate(step), 0.3);
}

TEST(Schedule, WarmUpMayTakeTheWholeRun) {
  const Schedule schedule{1, 5, 5, LrDecay::linear};
  EXPECT_DOUBLE_EQ(schedule.learning_rate(5), 1);
}

TEST(Schedule, OutsideOfTheRunIsABug) {
  const Schedule schedule{1, 0, 5, LrDecay::linear};
  EXPECT_THROW(schedule.learning_rate(0), std::logic_error);
  EXPECT_THROW(schedule.learning_rate(6), std::logic_error);
}

}  // namespace
}  // namespace dnabird::train
