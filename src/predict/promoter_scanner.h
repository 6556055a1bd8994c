// Promoters of both strands of a contig: windows side by side through the model, then peaks.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <span>
#include <utility>
#include <vector>

#include "predict/promoter_peaks.h"
#include "predict/window_batcher.h"
#include "seq/haplotype.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

struct ScanOptions {
  std::int64_t stride = 25;  // bases from one window to the next
  PeakRules rules;
  double most_unknown = 0.1;          // windows with a larger share of N are skipped
  std::int64_t chunk_windows = 1024;  // windows that are held at once; results do not hang on it
};

struct ScanCounts {
  std::int64_t scored = 0;   // windows, both strands of each
  std::int64_t skipped = 0;  // too many N
};

/// Begins of the windows of a contig: 0, stride, 2 stride, ..., and the last one ends with the
/// contig. A contig that is shorter than a window has one, which passes its end.
class WindowGrid {
 public:
  WindowGrid(std::int64_t n_bases, std::int64_t window, std::int64_t stride);
  std::int64_t size() const { return size_; }
  std::int64_t begin(std::int64_t index) const;
  /// Indices [first, last) of the windows that share a base with [begin, end).
  std::pair<std::int64_t, std::int64_t> overlapping(std::int64_t begin, std::int64_t end) const;

 private:
  std::int64_t last_begin_, window_, stride_, size_;
};

class PromoterScanner {
 public:
  /// The batcher, its model and the tokenizer must outlive it. Throws UsageError if the stride is
  /// not in [1, window].
  PromoterScanner(const WindowBatcher& batcher, const seq::Tokenizer& tokenizer,
                  const ScanOptions& options);

  /// Bases [begin, end) of the contig.
  using Span = std::pair<std::int64_t, std::int64_t>;

  /// Peaks of the windows that share a base with one of the regions (ascending, apart), by begin
  /// and strand, cut to the contig's `n_bases`. `at_base` is called with how far it is.
  std::vector<PromoterPeak> scan(std::int64_t n_bases, std::span<const Span> regions,
                                 const seq::FetchBases& fetch,
                                 const std::function<void(std::int64_t)>& at_base = {});

  const ScanCounts& counts() const { return counts_; }  // of all scans

 private:
  struct Strands {
    std::vector<ScoredWindow> forward, reverse;
  };
  /// Windows that the model has been asked about, and the log-odds of both strands of each.
  struct Asked {
    std::vector<std::int64_t> begins;
    std::future<std::vector<double>> log_odds;
  };
  Asked ask(const WindowGrid& grid, std::int64_t first, std::int64_t last,
            const seq::FetchBases& fetch);
  void take(Asked asked, Strands& strands) const;

  const WindowBatcher& batcher_;
  const seq::Tokenizer& tokenizer_;
  ScanOptions options_;
  ScanCounts counts_;
};

}  // namespace dnabird::predict
