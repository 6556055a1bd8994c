#include "train/promoter_calls.h"

#include <gtest/gtest.h>

#include <vector>

namespace dnabird::train {
namespace {

const std::vector<StrandedBase> kSites = {
    {"z", 1000, '+'}, {"z", 1300, '+'}, {"z", 1300, '-'}, {"y", 1000, '+'}};

TEST(PromoterCalls, StrandDistanceAndContigCount) {
  const std::vector<PromoterCall> calls = {
      {{"z", 1500, '-'}, 0.9},  // 200 away
      {{"y", 1000, '-'}, 0.9},  // other strand
      {{"y", 1501, '+'}, 0.9},  // one too far
      {{"x", 1000, '+'}, 0.9},  // other contig
  };
  const Confusion table = match_calls(calls, kSites, {});
  EXPECT_EQ(table.true_positive, 1);
  EXPECT_EQ(table.false_positive, 3);
  EXPECT_EQ(table.false_negative, 3);
  EXPECT_EQ(match_calls(calls, kSites, {501, 0}).true_positive, 2);
  EXPECT_EQ(match_calls(calls, kSites, {500, 0.95}).false_negative, 4);
  EXPECT_EQ(match_calls(calls, kSites, {500, 0.9}).true_positive, 1);  // at least, not above
}

TEST(PromoterCalls, TheMoreProbableCallChoosesFirst) {
  // Alone, the weak call would take 1000. The strong one stands nearer to 1000 and takes it; the
  // weak one is left with 1300, which is too far for a distance of 200.
  const std::vector<PromoterCall> calls = {{{"z", 950, '+'}, 0.6}, {{"z", 1100, '+'}, 0.8}};
  EXPECT_EQ(match_calls(calls, kSites, {200, 0}).true_positive, 1);
  EXPECT_EQ(match_calls(calls, kSites, {400, 0}).true_positive, 2);
  EXPECT_EQ(match_calls(calls, kSites, {200, 0.7}).true_positive, 1);
}

TEST(PromoterCalls, EachSiteIsTakenOnce) {
  const std::vector<PromoterCall> calls = {
      {{"y", 990, '+'}, 0.5}, {{"y", 1000, '+'}, 0.5}, {{"y", 1010, '+'}, 0.5}};
  const Confusion table = match_calls(calls, kSites, {});
  EXPECT_EQ(table.true_positive, 1);
  EXPECT_EQ(table.false_positive, 2);
  EXPECT_DOUBLE_EQ(precision(table), 1.0 / 3);
  EXPECT_DOUBLE_EQ(recall(table), 0.25);
}

TEST(PromoterCalls, NothingIsNoError) {
  EXPECT_EQ(match_calls({}, kSites, {}).false_negative, 4);
  EXPECT_EQ(match_calls({}, {}, {}).true_positive, 0);
}

}  // namespace
}  // namespace dnabird::train
