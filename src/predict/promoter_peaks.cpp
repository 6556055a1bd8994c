#include "predict/promoter_peaks.h"

#include <algorithm>
#include <cstddef>

#include "core/errors.h"

namespace dnabird::predict {

namespace {

/// For each window the one that it joins.
std::vector<std::size_t> best_neighbours(std::span<const ScoredWindow> windows, char strand,
                                         std::int64_t reach) {
  // Of equal windows the most upstream one wins, which is the last one of the reverse strand: then
  // both strands of a sequence give the same peaks.
  const bool later_wins = strand == '-';
  std::vector<std::size_t> best(windows.size());
  std::size_t first = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    while (windows[first].begin <= windows[i].begin - reach) ++first;
    best[i] = first;
    for (std::size_t j = first + 1;
         j < windows.size() && windows[j].begin < windows[i].begin + reach; ++j) {
      const double gain = windows[j].log_odds - windows[best[i]].log_odds;
      if (gain > 0 || (gain == 0 && later_wins)) best[i] = j;
    }
  }
  return best;
}

}  // namespace

std::vector<PromoterPeak> call_peaks(std::span<const ScoredWindow> windows, char strand,
                                     const PeakRules& rules) {
  std::vector<ScoredWindow> called;
  for (const ScoredWindow& window : windows) {
    core::require(called.empty() || window.begin > called.back().begin,
                  "call_peaks: windows that do not ascend");
    if (window.log_odds >= rules.least_log_odds) called.push_back(window);
  }
  const std::vector<std::size_t> best = best_neighbours(called, strand, rules.window);
  const std::int64_t offset =
      strand == '+' ? rules.tss_offset : rules.window - 1 - rules.tss_offset;
  std::vector<std::size_t> peak_of(called.size());  // number of the peak, by its best window
  std::vector<PromoterPeak> peaks;
  for (std::size_t i = 0; i < called.size(); ++i) {
    if (best[i] != i) continue;
    peak_of[i] = peaks.size();
    peaks.push_back({called[i].begin, called[i].begin + rules.window, strand, called[i].log_odds,
                     called[i].begin + offset});
  }
  for (std::size_t i = 0; i < called.size(); ++i) {
    std::size_t top = i;
    while (best[top] != top) top = best[top];
    PromoterPeak& peak = peaks[peak_of[top]];
    peak.begin = std::min(peak.begin, called[i].begin);
    peak.end = std::max(peak.end, called[i].begin + rules.window);
  }
  // The members of a peak may begin before those of the one to its left.
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const PromoterPeak& a, const PromoterPeak& b) { return a.begin < b.begin; });
  return peaks;
}

}  // namespace dnabird::predict
