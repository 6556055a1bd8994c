#include "predict/promoter_scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/rng.h"
#include "seq/alphabet.h"
#include "support/errors.h"
#include "support/random_model.h"

namespace dnabird::predict {
namespace {

using Peaks = std::vector<PromoterPeak>;
using Span = PromoterScanner::Span;
using support::random_model;
using support::RandomModel;

constexpr std::int64_t kWindow = 120;

std::string random_bases(std::int64_t n, std::uint64_t seed) {
  core::Rng rng(seed);
  std::string bases;
  while (static_cast<std::int64_t>(bases.size()) < n) bases += "ACGT"[rng.below(4)];
  return bases;
}

ScanOptions options_of(std::int64_t stride) {
  ScanOptions options;
  options.stride = stride;
  options.rules = {kWindow, 100, 0.5};
  return options;
}

/// Bases [begin, end), N behind the end of the contig.
seq::FetchBases fetch_of(const std::string& bases) {
  return [&bases](std::int64_t begin, std::int64_t end) {
    std::string text = bases.substr(begin, end - begin);
    text.resize(end - begin, 'N');
    return text;
  };
}

struct Scan {
  Peaks peaks;
  ScanCounts counts;
};

Scan scan(const RandomModel& model, const std::string& bases, const ScanOptions& options,
          std::vector<Span> regions = {}) {
  const WindowBatcher batcher(*model.model, 5);
  PromoterScanner scanner(batcher, model.tokenizer, options);
  if (regions.empty()) regions = {{0, static_cast<std::int64_t>(bases.size())}};
  Scan result;
  result.peaks = scanner.scan(static_cast<std::int64_t>(bases.size()), regions, fetch_of(bases));
  result.counts = scanner.counts();
  return result;
}

/// Peaks of windows that are run one by one: each strand of the text, from these begins.
Peaks expected_peaks(const RandomModel& model, const std::string& bases,
                     const std::vector<std::int64_t>& begins, const PeakRules& rules) {
  const WindowBatcher batcher(*model.model, 1);
  std::vector<ScoredWindow> forward, reverse;
  for (const std::int64_t begin : begins) {
    const std::string text = fetch_of(bases)(begin, begin + kWindow);
    const std::vector<Tokens> tokens = {model.tokenizer.encode(text),
                                        model.tokenizer.encode(seq::reverse_complement(text))};
    const std::vector<double> log_odds = batcher.promoter_log_odds(tokens).get();
    forward.push_back({begin, log_odds[0]});
    reverse.push_back({begin, log_odds[1]});
  }
  Peaks peaks = call_peaks(forward, '+', rules);
  const Peaks others = call_peaks(reverse, '-', rules);
  peaks.insert(peaks.end(), others.begin(), others.end());
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const PromoterPeak& a, const PromoterPeak& b) { return a.begin < b.begin; });
  for (PromoterPeak& peak : peaks) {
    peak.end = std::min(peak.end, static_cast<std::int64_t>(bases.size()));
  }
  return peaks;
}

std::vector<std::int64_t> begins_of(const WindowGrid& grid) {
  std::vector<std::int64_t> begins;
  for (std::int64_t i = 0; i < grid.size(); ++i) begins.push_back(grid.begin(i));
  return begins;
}

TEST(WindowGrid, CoversTheContigToItsLastBase) {
  using Begins = std::vector<std::int64_t>;
  EXPECT_EQ(begins_of({20, 10, 5}), (Begins{0, 5, 10}));
  EXPECT_EQ(begins_of({22, 10, 5}), (Begins{0, 5, 10, 12}));
  EXPECT_EQ(begins_of({11, 10, 5}), (Begins{0, 1}));
  EXPECT_EQ(begins_of({10, 10, 5}), (Begins{0}));
  EXPECT_EQ(begins_of({3, 10, 5}), (Begins{0}));
  EXPECT_EQ(begins_of({0, 10, 5}), (Begins{}));
}

TEST(WindowGrid, OverlappingWindowsAreThoseThatShareABase) {
  for (const std::int64_t n_bases : {0, 3, 10, 11, 27, 40}) {
    for (const std::int64_t stride : {1, 3, 10}) {
      const WindowGrid grid(n_bases, 10, stride);
      for (std::int64_t begin = 0; begin < n_bases; ++begin) {
        for (std::int64_t end = begin + 1; end <= n_bases; ++end) {
          std::vector<std::int64_t> expected;
          for (std::int64_t i = 0; i < grid.size(); ++i) {
            if (grid.begin(i) < end && grid.begin(i) + 10 > begin) expected.push_back(i);
          }
          const auto [first, last] = grid.overlapping(begin, end);
          ASSERT_EQ(last - first, static_cast<std::int64_t>(expected.size()));
          ASSERT_EQ(first, expected.front()) << n_bases << " " << stride << " " << begin;
        }
      }
    }
  }
}

TEST(PromoterScanner, PeaksAreThoseOfWindowsRunOneByOneWhereverChunksEnd) {
  const RandomModel model = random_model();
  const std::string bases = random_bases(1003, 1);
  ScanOptions options = options_of(25);
  const WindowGrid grid(1003, kWindow, 25);
  const Peaks expected = expected_peaks(model, bases, begins_of(grid), options.rules);
  ASSERT_GT(expected.size(), 4u);
  for (options.chunk_windows = 1; options.chunk_windows <= grid.size() + 1;
       ++options.chunk_windows) {
    const Scan result = scan(model, bases, options);
    ASSERT_EQ(result.peaks, expected) << options.chunk_windows;
    ASSERT_EQ(result.counts.scored, grid.size());
    ASSERT_EQ(result.counts.skipped, 0);
  }
}

TEST(PromoterScanner, TheReverseComplementHasTheMirrorImages) {
  const RandomModel model = random_model();
  const std::string bases = random_bases(kWindow + 40 * 20, 2);  // the grid is its own image
  const auto n = static_cast<std::int64_t>(bases.size());
  const Peaks peaks = scan(model, bases, options_of(20)).peaks;
  Peaks back;
  for (const PromoterPeak& peak :
       scan(model, seq::reverse_complement(bases), options_of(20)).peaks) {
    back.push_back({n - peak.end, n - peak.begin, peak.strand == '+' ? '-' : '+', peak.log_odds,
                    n - 1 - peak.start_site});
  }
  EXPECT_GT(std::count_if(peaks.begin(), peaks.end(), [](auto& p) { return p.strand == '+'; }), 1);
  EXPECT_GT(std::count_if(peaks.begin(), peaks.end(), [](auto& p) { return p.strand == '-'; }), 1);
  EXPECT_TRUE(std::is_permutation(peaks.begin(), peaks.end(), back.begin(), back.end()));
}

TEST(PromoterScanner, WindowsWithMoreThanATenthNAreSkippedAndCounted) {
  const RandomModel model = random_model();
  std::string bases = random_bases(1000, 3);
  std::fill_n(bases.begin() + 400, 200, 'N');
  bases[100] = 'N';  // one is read as an unknown k-mer
  const ScanOptions options = options_of(4);
  std::vector<std::int64_t> begins;
  std::int64_t skipped = 0;
  for (const std::int64_t begin : begins_of({1000, kWindow, 4})) {
    const auto first = bases.begin() + begin;
    const bool good = std::count(first, first + kWindow, 'N') <= 12;
    good ? begins.push_back(begin) : static_cast<void>(++skipped);
  }
  const Scan result = scan(model, bases, options);
  EXPECT_EQ(result.peaks, expected_peaks(model, bases, begins, options.rules));
  EXPECT_EQ(result.counts.scored, static_cast<std::int64_t>(begins.size()));
  EXPECT_EQ(result.counts.skipped, skipped);
  EXPECT_GT(skipped, 50);
  EXPECT_TRUE(scan(model, std::string(500, 'N'), options).peaks.empty());
}

TEST(PromoterScanner, AContigThatIsShorterThanAWindowIsFilledWithN) {
  const RandomModel model = random_model();
  ScanOptions options = options_of(20);
  options.rules.least_log_odds = -100;  // every window is called
  for (const std::int64_t n : {108, 119, 120}) {
    const std::string bases = random_bases(n, 4);
    const Scan result = scan(model, bases, options);
    EXPECT_EQ(result.peaks, expected_peaks(model, bases, {0}, options.rules)) << n;
    EXPECT_EQ(result.peaks.size(), 2u);
    EXPECT_EQ(result.peaks[0].end, n);
  }
  for (const std::int64_t n : {1, 107}) {  // more than a tenth would be N
    const Scan result = scan(model, random_bases(n, 4), options);
    EXPECT_TRUE(result.peaks.empty()) << n;
    EXPECT_EQ(result.counts.skipped, 1);
  }
  EXPECT_EQ(scan(model, "", options).counts.skipped, 0);
}

TEST(PromoterScanner, StartSitesLieOnTheContig) {
  const RandomModel model = random_model();
  ScanOptions options = options_of(20);
  options.rules.least_log_odds = -100;
  options.rules.tss_offset = kWindow - 1;
  const Peaks peaks = scan(model, random_bases(110, 5), options).peaks;
  ASSERT_EQ(peaks.size(), 2u);
  EXPECT_EQ(peaks[0].start_site, 109);
  EXPECT_EQ(peaks[1].start_site, 0);
}

TEST(PromoterScanner, RegionsReadTheWindowsThatTouchThemOnce) {
  const RandomModel model = random_model();
  const std::string bases = random_bases(2000, 6);
  ScanOptions options = options_of(30);
  const WindowGrid grid(2000, kWindow, 30);
  // The windows of the first two overlap.
  const std::vector<Span> regions = {{300, 301}, {350, 500}, {1990, 2000}};
  std::vector<std::int64_t> begins;
  for (const std::int64_t begin : begins_of(grid)) {
    if (std::any_of(regions.begin(), regions.end(), [&](const Span& region) {
          return begin < region.second && begin + kWindow > region.first;
        })) {
      begins.push_back(begin);
    }
  }
  const Peaks expected = expected_peaks(model, bases, begins, options.rules);
  ASSERT_FALSE(expected.empty());
  for (options.chunk_windows = 1; options.chunk_windows < 20; ++options.chunk_windows) {
    const Scan result = scan(model, bases, options, regions);
    EXPECT_EQ(result.peaks, expected) << options.chunk_windows;
    EXPECT_EQ(result.counts.scored, static_cast<std::int64_t>(begins.size()));
  }
}

TEST(PromoterScanner, SaysHowFarItIs) {
  const RandomModel model = random_model();
  const std::string bases = random_bases(500, 7);
  const WindowBatcher batcher(*model.model, 0);
  ScanOptions options = options_of(60);
  options.chunk_windows = 3;
  PromoterScanner scanner(batcher, model.tokenizer, options);
  const Span whole(0, 500);
  std::vector<std::int64_t> said;
  scanner.scan(500, std::span(&whole, 1), fetch_of(bases),
               [&](std::int64_t at) { said.push_back(at); });
  EXPECT_EQ(said, (std::vector<std::int64_t>{240, 420, 500}));
}

TEST(PromoterScanner, StridesThatLeaveBasesOutAreRefused) {
  const RandomModel model = random_model();
  const WindowBatcher batcher(*model.model, 0);
  for (const std::int64_t stride : {std::int64_t{0}, std::int64_t{-1}, kWindow + 1}) {
    EXPECT_THAT([&] { PromoterScanner(batcher, model.tokenizer, options_of(stride)); },
                support::throws_usage_error("--stride", std::to_string(stride), "1 to 120"));
  }
}

}  // namespace
}  // namespace dnabird::predict
