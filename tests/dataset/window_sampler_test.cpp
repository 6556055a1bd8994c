#include "data/window_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "seq/alphabet.h"
#include "support/errors.h"

namespace dnabird::data {
namespace {

using support::throws_data_error;
using support::throws_usage_error;

std::string random_bases(int n, std::uint64_t seed) {
  core::Rng rng(seed);
  std::string bases;
  for (int i = 0; i < n; ++i) bases += "ACGT"[rng.below(4)];
  return bases;
}

SequenceSource source(const std::string& path, const std::vector<std::string>& contigs) {
  SequenceSource made{path, {}};
  for (std::size_t i = 0; i < contigs.size(); ++i) {
    made.sequences.push_back({"contig" + std::to_string(i), contigs[i]});
  }
  return made;
}

WindowOptions options_of(std::int64_t window, std::int64_t least = 1) {
  WindowOptions options;
  options.window = window;
  options.least = least;
  return options;
}

/// Where a drawn window stands in random contigs, on either strand.
struct Place {
  std::size_t contig, begin;
  bool reverse;
};
Place find(const std::string& bases, const std::vector<std::string>& contigs) {
  for (const bool reverse : {false, true}) {
    const std::string forward = reverse ? seq::reverse_complement(bases) : bases;
    for (std::size_t i = 0; i < contigs.size(); ++i) {
      const std::size_t at = contigs[i].find(forward);
      if (at != std::string::npos) return {i, at, reverse};
    }
  }
  ADD_FAILURE() << "a window that stands nowhere: " << bases;
  return {};
}

TEST(WindowSampler, EveryEpochGoesOverAllContigs) {
  const std::vector<std::string> contigs = {random_bases(1000, 1), random_bases(130, 2),
                                            random_bases(60, 3), random_bases(40, 4),
                                            random_bases(15, 5)};
  WindowSampler sampler({source("a.fa", contigs)}, options_of(60, 20));
  std::set<std::size_t> first_begins;
  int reverse = 0, drawn = 0;
  for (int epoch = 0; epoch < 20; ++epoch) {
    std::vector<std::set<std::size_t>> begins(contigs.size());
    // The first draw of a new epoch cuts it.
    std::string bases = sampler.next();
    const std::int64_t windows = sampler.windows(0);
    for (std::int64_t i = 0; i < windows; ++i) {
      const Place place = find(bases, contigs);
      EXPECT_EQ(bases.size(), std::min<std::size_t>(60, contigs[place.contig].size()));
      EXPECT_TRUE(begins[place.contig].insert(place.begin).second) << "drawn twice";
      reverse += place.reverse;
      ++drawn;
      if (i + 1 < windows) bases = sampler.next();
    }
    for (std::size_t c = 0; c < 4; ++c) {
      ASSERT_FALSE(begins[c].empty());
      const std::size_t size = std::min<std::size_t>(60, contigs[c].size());
      const std::size_t last = contigs[c].size() - size;
      std::size_t begin = *begins[c].begin();
      EXPECT_LT(begin, 60u);
      EXPECT_EQ(*begins[c].rbegin(), last);
      for (const std::size_t next : begins[c]) {
        EXPECT_EQ(next, begin) << "side by side, the last one ends with the contig";
        begin = std::min(next + size, last);
      }
    }
    EXPECT_TRUE(begins[4].empty()) << "too short";
    first_begins.insert(*begins[0].begin());
  }
  EXPECT_GT(first_begins.size(), 10u) << "each epoch starts elsewhere";
  EXPECT_NEAR(reverse, drawn / 2, drawn / 10);
}

TEST(WindowSampler, GoesOnBehindAState) {
  const std::vector<SequenceSource> sources = {
      source("a.fa", {random_bases(500, 1), random_bases(200, 2)}),
      source("b.fa", {random_bases(300, 3)})};
  for (const int done : {0, 1, 13, 14, 15, 100}) {
    WindowSampler sampler(sources, options_of(50));
    for (int i = 0; i < done; ++i) sampler.next();
    const WindowSampler::State state = sampler.state();
    WindowSampler again(sources, options_of(50));
    for (int i = 0; i < 7; ++i) again.next();
    again.restore(state);
    EXPECT_EQ(again.state(), state);
    for (int i = 0; i < 60; ++i) EXPECT_EQ(again.next(), sampler.next()) << done << ' ' << i;
  }
}

TEST(WindowSampler, SeedsDrawOtherWindows) {
  const std::vector<SequenceSource> sources = {source("a.fa", {random_bases(2000, 1)})};
  WindowOptions options = options_of(50);
  const auto first = [&](std::uint64_t seed) {
    options.seed = seed;
    WindowSampler sampler(sources, options);
    std::vector<std::string> windows;
    for (int i = 0; i < 10; ++i) windows.push_back(sampler.next());
    return windows;
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
}

double share_of_first(const WindowOptions& options) {
  const std::vector<std::string> a = {random_bases(3000, 1)}, b = {random_bases(1000, 2)};
  WindowSampler sampler({source("a.fa", a), source("b.fa", b)}, options);
  int first = 0;
  for (int i = 0; i < 4000; ++i) first += find(sampler.next(), {a[0], b[0]}).contig == 0;
  return first / 4000.0;
}

TEST(WindowSampler, SourcesAreDrawnByWeight) {
  WindowOptions options = options_of(50);
  EXPECT_NEAR(share_of_first(options), 0.75, 0.03);  // bases
  options.weights = {1, 4};
  EXPECT_NEAR(share_of_first(options), 0.2, 0.03);
}

TEST(WindowSampler, LeavesOutWhatIsMostlyUnknown) {
  const std::string known = random_bases(100, 1);
  WindowOptions options = options_of(50);
  options.most_unknown = 0.1;
  WindowSampler sampler({source("a.fa", {known + std::string(1000, 'N') + known})}, options);
  for (int i = 0; i < 200; ++i) {
    EXPECT_LE(seq::unknown_fraction(sampler.next()), 0.1);
  }
}

TEST(WindowSampler, AnEpochWithoutAWindowIsPassedOver) {
  // Windows of 50 in 60 known bases between N: most offsets of the first cut give none.
  const std::vector<SequenceSource> sources = {
      source("a.fa", {std::string(45, 'N') + random_bases(60, 1) + std::string(45, 'N')})};
  WindowOptions options = options_of(50);
  options.most_unknown = 0.2;
  bool passed_over = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    options.seed = seed;
    WindowSampler sampler(sources, options);
    for (int i = 0; i < 100; ++i) EXPECT_LE(seq::unknown_fraction(sampler.next()), 0.2);
    const WindowSampler::State state = sampler.state();
    passed_over |= state.places[0].epoch > 99;
    WindowSampler again(sources, options);
    again.restore(state);
    EXPECT_EQ(again.state(), state);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(again.next(), sampler.next());
  }
  EXPECT_TRUE(passed_over);
}

TEST(WindowSampler, RefusesSourcesWithoutWindows) {
  const auto made = [](const SequenceSource& one, const WindowOptions& options) {
    return [=] { WindowSampler({source("good.fa", {random_bases(100, 1)}), one}, options); };
  };
  EXPECT_THAT(made(source("n.fa", {std::string(200, 'N')}), options_of(50)),
              throws_data_error("'n.fa'", "no window"));
  EXPECT_THAT(made(source("short.fa", {"ACGT"}), options_of(50, 20)),
              throws_data_error("'short.fa'", "20 or more bases"));
  EXPECT_THROW(WindowSampler({}, options_of(50)), std::logic_error);
}

TEST(WindowSampler, RefusesWeightsThatDoNotFit) {
  const auto made = [](std::vector<double> weights) {
    return [=] {
      WindowOptions options = options_of(50);
      options.weights = weights;
      WindowSampler({source("a.fa", {random_bases(100, 1)}), source("b.fa", {random_bases(90, 2)})},
                    options);
    };
  };
  EXPECT_NO_THROW(made({1, 2})());
  EXPECT_THAT(made({1}), throws_usage_error("--weights", "1 weights for 2 files"));
  EXPECT_THAT(made({1, 0}), throws_usage_error("--weights", "above 0"));
  EXPECT_THAT(made({-1, 1}), throws_usage_error("--weights"));
  EXPECT_THAT(made({1, std::numeric_limits<double>::quiet_NaN()}), throws_usage_error("--weights"));
  EXPECT_THAT(made({1, std::numeric_limits<double>::infinity()}), throws_usage_error("--weights"));
}

TEST(WindowSampler, RefusesStatesOfOtherFiles) {
  WindowSampler sampler({source("a.fa", {random_bases(500, 1)})}, options_of(50));
  const WindowSampler::State state = sampler.state();
  WindowSampler::State wrong = state;
  wrong.places.push_back({});
  EXPECT_THAT([&] { sampler.restore(wrong); }, throws_data_error("other sequence files"));
  wrong = state;
  wrong.places[0].position = 1000;
  EXPECT_THAT([&] { sampler.restore(wrong); }, throws_data_error("'a.fa'"));
  wrong = state;
  wrong.places[0].epoch = -1;
  EXPECT_THAT([&] { sampler.restore(wrong); }, throws_data_error("'a.fa'"));
  wrong = state;
  wrong.drawn = -1;
  EXPECT_THAT([&] { sampler.restore(wrong); }, throws_data_error("checkpoint"));
}

TEST(SequenceSource, CountsBases) { EXPECT_EQ(source("a.fa", {"ACGT", "", "AA"}).n_bases(), 6); }

}  // namespace
}  // namespace dnabird::data
