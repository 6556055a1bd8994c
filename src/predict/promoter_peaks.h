// Windows along one strand, merged into promoters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dnabird::predict {

/// Promoter log-odds (natural log) of the window of one strand that begins there.
struct ScoredWindow {
  std::int64_t begin = 0;  // on the forward strand, 0-based
  double log_odds = 0;
};

struct PeakRules {
  std::int64_t window = 0;      // bases
  std::int64_t tss_offset = 0;  // base of a window, in its own reading direction: the start site
  double least_log_odds = 0;    // windows below it count for nothing
};

struct PromoterPeak {
  std::int64_t begin = 0, end = 0;  // all bases of the windows that were merged into it
  char strand = '+';
  double log_odds = 0;          // of its best window
  std::int64_t start_site = 0;  // where that window puts it, 0-based
  bool operator==(const PromoterPeak&) const = default;
};

/// Each window joins the best one (of equal ones the most upstream) that begins less than a window
/// away from it, itself included; that one joins its own best, and so on. Those that are the best
/// around are the peaks, so no two of a strand lie closer than a window, and the peaks at a higher
/// threshold are those of a lower one that reach it. `windows` have one strand and ascend. Peaks
/// ascend by begin.
std::vector<PromoterPeak> call_peaks(std::span<const ScoredWindow> windows, char strand,
                                     const PeakRules& rules);

}  // namespace dnabird::predict
