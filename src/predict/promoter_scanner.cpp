#include "predict/promoter_scanner.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::predict {

WindowGrid::WindowGrid(std::int64_t n_bases, std::int64_t window, std::int64_t stride)
    : last_begin_(std::max<std::int64_t>(0, n_bases - window)), window_(window), stride_(stride) {
  size_ = n_bases == 0 ? 0 : (last_begin_ + stride - 1) / stride + 1;
}

std::int64_t WindowGrid::begin(std::int64_t index) const {
  return std::min(index * stride_, last_begin_);
}

std::pair<std::int64_t, std::int64_t> WindowGrid::overlapping(std::int64_t begin,
                                                              std::int64_t end) const {
  // The first guess leaves out none; the last window, off the grid, may need one step more.
  std::int64_t first = std::clamp<std::int64_t>((begin - window_) / stride_, 0, size_);
  while (first < size_ && this->begin(first) + window_ <= begin) ++first;
  std::int64_t last = std::clamp<std::int64_t>((end + stride_ - 1) / stride_, 0, size_);
  if (last == size_ - 1 && this->begin(last) < end) ++last;
  return {first, std::max(first, last)};
}

PromoterScanner::PromoterScanner(const WindowBatcher& batcher, const seq::Tokenizer& tokenizer,
                                 const ScanOptions& options)
    : batcher_(batcher), tokenizer_(tokenizer), options_(options) {
  if (options.stride < 1 || options.stride > options.rules.window) {
    throw core::UsageError("--stride: " + std::to_string(options.stride) + ", expected 1 to " +
                           std::to_string(options.rules.window) + ", the model's window");
  }
  core::require(options.chunk_windows >= 1, "a chunk without windows");
}

std::vector<PromoterPeak> PromoterScanner::scan(std::int64_t n_bases, std::span<const Span> regions,
                                                const seq::FetchBases& fetch,
                                                const std::function<void(std::int64_t)>& at_base) {
  const WindowGrid grid(n_bases, options_.rules.window, options_.stride);
  Strands strands;
  Asked before;           // taken when the windows after it have been asked about
  std::int64_t done = 0;  // windows before it have been asked about, by another region
  for (const auto& [begin, end] : regions) {
    const auto [first, last] = grid.overlapping(begin, end);
    for (done = std::max(done, first); done < last;) {
      const std::int64_t next = std::min(done + options_.chunk_windows, last);
      take(std::exchange(before, ask(grid, done, next, fetch)), strands);
      done = next;
      if (at_base) at_base(std::min(n_bases, grid.begin(done - 1) + options_.rules.window));
    }
  }
  take(std::move(before), strands);
  std::vector<PromoterPeak> peaks = call_peaks(strands.forward, '+', options_.rules);
  const std::vector<PromoterPeak> reverse = call_peaks(strands.reverse, '-', options_.rules);
  peaks.insert(peaks.end(), reverse.begin(), reverse.end());
  for (PromoterPeak& peak : peaks) {
    peak.end = std::min(peak.end, n_bases);
    peak.start_site = std::min(peak.start_site, n_bases - 1);
  }
  std::sort(peaks.begin(), peaks.end(), [](const PromoterPeak& a, const PromoterPeak& b) {
    return std::tuple(a.begin, a.strand, a.start_site) <
           std::tuple(b.begin, b.strand, b.start_site);
  });
  return peaks;
}

PromoterScanner::Asked PromoterScanner::ask(const WindowGrid& grid, std::int64_t first,
                                            std::int64_t last, const seq::FetchBases& fetch) {
  const std::int64_t origin = grid.begin(first), window = options_.rules.window;
  const std::string bases = fetch(origin, grid.begin(last - 1) + window);
  Asked asked;
  std::vector<Tokens> tokens;  // of both strands of each window
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t begin = grid.begin(i);
    const std::string_view text = std::string_view(bases).substr(begin - origin, window);
    if (seq::unknown_fraction(text) > options_.most_unknown) {
      ++counts_.skipped;
      continue;
    }
    asked.begins.push_back(begin);
    tokens.push_back(tokenizer_.encode(text));
    tokens.push_back(tokenizer_.encode(seq::reverse_complement(text)));
  }
  counts_.scored += static_cast<std::int64_t>(asked.begins.size());
  asked.log_odds = batcher_.promoter_log_odds(tokens);
  return asked;
}

void PromoterScanner::take(Asked asked, Strands& strands) const {
  if (asked.begins.empty()) return;
  const std::vector<double> log_odds = asked.log_odds.get();
  for (std::size_t i = 0; i < asked.begins.size(); ++i) {
    // What can never be part of a peak is not kept: a genome has very many of them.
    const auto keep = [&](std::vector<ScoredWindow>& strand, double value) {
      if (value >= options_.rules.least_log_odds) strand.push_back({asked.begins[i], value});
    };
    keep(strands.forward, log_odds[2 * i]);
    keep(strands.reverse, log_odds[2 * i + 1]);
  }
}

}  // namespace dnabird::predict
