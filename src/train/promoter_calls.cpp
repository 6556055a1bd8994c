#include "train/promoter_calls.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace dnabird::train {

Confusion match_calls(std::span<const PromoterCall> calls, std::span<const StrandedBase> sites,
                      const CallOptions& options) {
  // Free start sites by contig and strand; equal positions are as many sites.
  std::map<std::pair<std::string, char>, std::multiset<std::int64_t>> free;
  for (const StrandedBase& site : sites) {
    free[{site.contig, site.strand}].insert(site.position);
  }
  std::vector<const PromoterCall*> order;
  for (const PromoterCall& call : calls) {
    if (call.probability >= options.threshold) order.push_back(&call);
  }
  std::sort(order.begin(), order.end(), [](const PromoterCall* a, const PromoterCall* b) {
    const auto key = [](const PromoterCall* c) {
      return std::tie(c->start.contig, c->start.position, c->start.strand);
    };
    return a->probability != b->probability ? a->probability > b->probability : key(a) < key(b);
  });

  Confusion table;
  for (const PromoterCall* call : order) {
    auto& here = free[{call->start.contig, call->start.strand}];
    const std::int64_t at = call->start.position;
    // The nearest is the first at or behind the call, or the last before it.
    auto nearest = here.lower_bound(at);
    if (nearest != here.begin() &&
        (nearest == here.end() || at - *std::prev(nearest) <= *nearest - at)) {
      --nearest;
    }
    if (nearest != here.end() && std::max(*nearest - at, at - *nearest) <= options.distance) {
      here.erase(nearest);
      ++table.true_positive;
    } else {
      ++table.false_positive;
    }
  }
  table.false_negative = static_cast<std::int64_t>(sites.size()) - table.true_positive;
  return table;
}

}  // namespace dnabird::train
