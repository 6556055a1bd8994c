#include "core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

namespace dnabird::core {
namespace {

TEST(Rng, IsPhiloxAsPublished) {
  // kat_vectors of Random123 (Salmon et al. 2011): philox4x32, 10 rounds.
  Rng rng(0, 0);
  for (const std::uint32_t word : {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}) {
    EXPECT_EQ(rng.next(), word);
  }
}

TEST(Rng, GoesOnFromAPosition) {
  Rng rng(7, 3);
  std::vector<std::uint32_t> words;
  for (int i = 0; i < 50; ++i) words.push_back(rng.next());
  EXPECT_EQ(rng.position(), 50u);
  for (const std::uint64_t at : {0u, 1u, 5u, 31u}) {
    Rng again(7, 3);
    again.seek(at);
    EXPECT_EQ(again.position(), at);
    for (std::uint64_t i = at; i < words.size(); ++i) EXPECT_EQ(again.next(), words[i]);
  }
  // The position is all of the state, whatever was drawn.
  Rng a(7, 3), b(7, 3);
  a.normal();
  a.below(10);
  a.uniform();
  b.seek(a.position());
  EXPECT_EQ(a.next(), b.next());
}

TEST(Rng, SeedsAndStreamsAreApart) {
  std::set<std::uint32_t> words;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (std::uint64_t stream = 0; stream < 30; ++stream) words.insert(Rng(seed, stream).next());
  }
  EXPECT_EQ(words.size(), 900u);
  EXPECT_NE(Rng(1ull << 32).next(), Rng(0).next());
  EXPECT_NE(Rng(0, 1ull << 32).next(), Rng(0, 0).next());
}

TEST(Rng, BelowIsUniform) {
  for (const std::uint64_t n : {1u, 2u, 3u, 7u, 10u}) {
    Rng rng(1, n);
    const int draws = 30000;
    std::vector<double> times(n, 0);
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t value = rng.below(n);
      ASSERT_LT(value, n);
      ++times[value];
    }
    const double expected = static_cast<double>(draws) / static_cast<double>(n);
    double chi2 = 0;
    for (const double t : times) chi2 += (t - expected) * (t - expected) / expected;
    // Far above the 0.9999 quantile for n-1 degrees of freedom.
    EXPECT_LE(chi2, static_cast<double>(n - 1) + 6 * std::sqrt(2.0 * static_cast<double>(n)));
  }
}

TEST(Rng, BelowHasNoBiasForLargeN) {
  // Words modulo 3 * 2^62 would fall below 2^62 in half of all draws instead of a third.
  const std::uint64_t n = 3ull << 62;
  Rng rng(2);
  int low = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::uint64_t value = rng.below(n);
    ASSERT_LT(value, n);
    low += value < (1ull << 62);
  }
  EXPECT_NEAR(low, 2000, 200);
  EXPECT_THROW(rng.below(0), std::logic_error);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(3);
  const int draws = 100000;
  double sum = 0, squares = 0, least = 1, most = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = rng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
    least = std::min(least, u);
    most = std::max(most, u);
  }
  EXPECT_NEAR(sum / draws, 0.5, 0.005);
  EXPECT_NEAR(squares / draws, 1.0 / 3, 0.005);
  EXPECT_LT(least, 1e-3);
  EXPECT_GT(most, 1 - 1e-3);
  double moments[4] = {};
  for (int i = 0; i < draws; ++i) {
    const double z = rng.normal();
    ASSERT_TRUE(std::isfinite(z));
    double power = 1;
    for (double& moment : moments) moment += (power *= z) / draws;
  }
  EXPECT_NEAR(moments[0], 0, 0.02);
  EXPECT_NEAR(moments[1], 1, 0.03);
  EXPECT_NEAR(moments[2], 0, 0.08);
  EXPECT_NEAR(moments[3], 3, 0.2);
}

TEST(Rng, ShuffleGivesEveryOrder) {
  std::map<std::vector<int>, int> times;
  Rng rng(4);
  const int draws = 12000;
  for (int i = 0; i < draws; ++i) {
    std::vector<int> values = {1, 2, 3, 4};
    rng.shuffle(values);
    ++times[values];
  }
  EXPECT_EQ(times.size(), 24u);
  for (const auto& [order, n] : times) EXPECT_NEAR(n, draws / 24, 120);
  std::vector<int> none, one = {5};
  rng.shuffle(none);
  rng.shuffle(one);
  EXPECT_EQ(one, (std::vector<int>{5}));
}

TEST(Rng, NeverChanges) {
  // Checkpoints, patterns and data sets hang on these.
  Rng rng(42, 7);
  EXPECT_EQ(rng.next(), 1743679276u);
  EXPECT_EQ(rng.below(1000000), 813877u);
  EXPECT_EQ(rng.uniform(), 3006559155960765 * 0x1.0p-53);
  EXPECT_NEAR(rng.normal(), 0.44546318335879198, 1e-12);
  EXPECT_EQ(mix(0), 2558736989570252433u);
  EXPECT_EQ(mix(1, 2, 3), 15020427595393229491u);
}

TEST(Mix, KeepsPartsApart) {
  std::set<std::uint64_t> streams;
  for (std::uint64_t a = 0; a < 20; ++a) {
    for (std::uint64_t b = 0; b < 20; ++b) {
      for (std::uint64_t c = 0; c < 20; ++c) streams.insert(mix(a, b, c));
    }
  }
  EXPECT_EQ(streams.size(), 8000u);
}

}  // namespace
}  // namespace dnabird::core
