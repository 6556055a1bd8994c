#include "predict/promoter_peaks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <stdexcept>

#include "core/rng.h"

namespace dnabird::predict {

void PrintTo(const PromoterPeak& peak, std::ostream* out) {
  *out << peak.begin << "-" << peak.end << peak.strand << " " << peak.log_odds << " at "
       << peak.start_site;
}

namespace {

using Windows = std::vector<ScoredWindow>;
using Peaks = std::vector<PromoterPeak>;

constexpr PeakRules kRules = {.window = 300, .tss_offset = 249, .least_log_odds = 2};

TEST(PromoterPeaks, OneWindowIsAPeakWithItsStartSiteOnItsStrand) {
  EXPECT_EQ(call_peaks(Windows{{100, 2}}, '+', kRules), (Peaks{{100, 400, '+', 2, 349}}));
  EXPECT_EQ(call_peaks(Windows{{100, 2}}, '-', kRules), (Peaks{{100, 400, '-', 2, 150}}));
  EXPECT_EQ(call_peaks(Windows{{100, 1.99}}, '+', kRules), Peaks{});
  EXPECT_EQ(call_peaks(Windows{}, '+', kRules), Peaks{});
}

TEST(PromoterPeaks, WindowsCloserThanAWindowMergeIntoTheBest) {
  EXPECT_EQ(call_peaks(Windows{{0, 3}, {25, 4}, {50, 5}, {75, 1}, {100, 2.5}}, '+', kRules),
            (Peaks{{0, 400, '+', 5, 299}}));
  // One base decides.
  EXPECT_EQ(call_peaks(Windows{{0, 3}, {299, 4}}, '+', kRules), (Peaks{{0, 599, '+', 4, 548}}));
  EXPECT_EQ(call_peaks(Windows{{0, 3}, {300, 4}}, '+', kRules),
            (Peaks{{0, 300, '+', 3, 249}, {300, 600, '+', 4, 549}}));
}

TEST(PromoterPeaks, WhatJoinsAWindowGoesWhereThatOneGoes) {
  // 0 joins 200, which joins 400; 600 is far from 400 and joins it through 500.
  EXPECT_EQ(call_peaks(Windows{{0, 3}, {200, 4}, {400, 9}, {500, 8}, {750, 5}}, '+', kRules),
            (Peaks{{0, 1050, '+', 9, 649}}));
  // A window between two peaks joins the better one.
  EXPECT_EQ(call_peaks(Windows{{0, 5}, {200, 3}, {400, 6}}, '-', kRules),
            (Peaks{{0, 300, '-', 5, 50}, {200, 700, '-', 6, 450}}));
}

TEST(PromoterPeaks, OfEqualWindowsTheMostUpstreamIsThePeak) {
  const Windows windows = {{0, 3}, {100, 3}, {200, 3}};
  EXPECT_EQ(call_peaks(windows, '+', kRules), (Peaks{{0, 500, '+', 3, 249}}));
  EXPECT_EQ(call_peaks(windows, '-', kRules), (Peaks{{0, 500, '-', 3, 250}}));
}

TEST(PromoterPeaks, WindowsMustAscend) {
  EXPECT_THROW(call_peaks(Windows{{5, 3}, {5, 3}}, '+', kRules), std::logic_error);
}

/// Random windows with gaps and equal values.
Windows random_windows(core::Rng& rng) {
  Windows windows;
  std::int64_t begin = 0;
  const auto n = static_cast<int>(rng.below(40));
  for (int i = 0; i < n; ++i) {
    begin += 1 + static_cast<std::int64_t>(rng.below(rng.below(8) == 0 ? 900 : 120));
    windows.push_back({begin, static_cast<double>(rng.below(12))});
  }
  return windows;
}

/// The definition, word by word, without any order of the windows.
const ScoredWindow& best_around(const ScoredWindow& window, const Windows& windows, char strand,
                                const PeakRules& rules) {
  const ScoredWindow* best = &window;
  for (const ScoredWindow& other : windows) {
    if (other.log_odds < rules.least_log_odds) continue;
    if (std::abs(other.begin - window.begin) >= rules.window) continue;
    const bool upstream = strand == '+' ? other.begin < best->begin : other.begin > best->begin;
    if (other.log_odds > best->log_odds || (other.log_odds == best->log_odds && upstream)) {
      best = &other;
    }
  }
  return best == &window ? window : best_around(*best, windows, strand, rules);
}

Peaks expected_peaks(const Windows& windows, char strand, const PeakRules& rules) {
  Peaks peaks;
  for (const ScoredWindow& top : windows) {
    PromoterPeak peak{
        1 << 30, 0, strand, top.log_odds,
        top.begin + (strand == '+' ? rules.tss_offset : rules.window - 1 - rules.tss_offset)};
    for (const ScoredWindow& window : windows) {
      if (window.log_odds < rules.least_log_odds) continue;
      if (&best_around(window, windows, strand, rules) != &top) continue;
      peak.begin = std::min(peak.begin, window.begin);
      peak.end = std::max(peak.end, window.begin + rules.window);
    }
    if (peak.end > 0) peaks.push_back(peak);
  }
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const PromoterPeak& a, const PromoterPeak& b) { return a.begin < b.begin; });
  return peaks;
}

TEST(PromoterPeaks, AreThoseOfTheDefinition) {
  core::Rng rng(1);
  std::size_t several = 0;
  for (int round = 0; round < 400; ++round) {
    const Windows windows = random_windows(rng);
    PeakRules rules = kRules;
    rules.least_log_odds = static_cast<double>(rng.below(8));
    for (const char strand : {'+', '-'}) {
      const Peaks peaks = call_peaks(windows, strand, rules);
      ASSERT_EQ(peaks, expected_peaks(windows, strand, rules)) << round << strand;
      several += peaks.size() > 2 ? 1 : 0;
    }
  }
  EXPECT_GT(several, 200u);
}

TEST(PromoterPeaks, ThoseOfAHigherThresholdAreAmongThoseOfALower) {
  core::Rng rng(2);
  for (int round = 0; round < 100; ++round) {
    const Windows windows = random_windows(rng);
    PeakRules high = kRules;
    high.least_log_odds = 7;
    std::vector<std::int64_t> expected, sites;
    for (const PromoterPeak& peak : call_peaks(windows, '+', kRules)) {
      if (peak.log_odds >= 7) expected.push_back(peak.start_site);
    }
    for (const PromoterPeak& peak : call_peaks(windows, '+', high)) {
      sites.push_back(peak.start_site);
    }
    std::sort(expected.begin(), expected.end());
    std::sort(sites.begin(), sites.end());
    ASSERT_EQ(sites, expected) << round;
  }
}

TEST(PromoterPeaks, TheOtherStrandIsTheMirrorImage) {
  core::Rng rng(3);
  constexpr std::int64_t kBases = 100000;
  for (int round = 0; round < 100; ++round) {
    const Windows windows = random_windows(rng);
    Windows mirrored;
    for (auto window = windows.rbegin(); window != windows.rend(); ++window) {
      mirrored.push_back({kBases - window->begin - kRules.window, window->log_odds});
    }
    Peaks back;
    for (const PromoterPeak& peak : call_peaks(mirrored, '-', kRules)) {
      back.push_back({kBases - peak.end, kBases - peak.begin, '+', peak.log_odds,
                      kBases - 1 - peak.start_site});
    }
    const auto by_site = [](const PromoterPeak& a, const PromoterPeak& b) {
      return a.start_site < b.start_site;
    };
    Peaks peaks = call_peaks(windows, '+', kRules);
    std::sort(peaks.begin(), peaks.end(), by_site);
    std::sort(back.begin(), back.end(), by_site);
    ASSERT_EQ(back, peaks) << round;
  }
}

}  // namespace
}  // namespace dnabird::predict
