#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "core/errors.h"
#include "core/rng.h"

namespace dnabird::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::int64_t count_of(Counts counts, std::size_t i) { return counts.empty() ? 1 : counts[i]; }

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Indices of values in rising order; equal values stay in the order of their rows.
std::vector<std::size_t> rising_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

/// Calls visit(first, last) for each stretch [first, last) of equal values in `order`.
template <class Visit>
void for_each_tie(std::span<const double> values, const std::vector<std::size_t>& order,
                  Visit visit) {
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    visit(first, last);
    first = last;
  }
}

/// Labels and scores in the order of the scores, sorted once for all resamples.
class RankedScores {
 public:
  RankedScores(std::span<const std::int32_t> labels, std::span<const double> scores)
      : labels_(labels), scores_(scores), order_(rising_order(scores)) {
    core::require(labels.size() == scores.size(), "labels and scores of different length");
  }

  double auroc(Counts counts) const {
    double wins = 0, positives = 0, negatives = 0;
    for_each_tie(scores_, order_, [&](std::size_t first, std::size_t last) {
      const auto [up, down] = tally(first, last, counts);
      wins += up * (negatives + 0.5 * down);
      positives += up;
      negatives += down;
    });
    return positives > 0 && negatives > 0 ? wins / (positives * negatives) : kNan;
  }

  double auprc(Counts counts) const {
    double positives = 0, called = 0;
    for_each_tie(scores_, order_, [&](std::size_t first, std::size_t last) {
      const auto [up, down] = tally(first, last, counts);
      positives += up;
      called += up + down;
    });
    if (!(positives > 0)) return kNan;
    // From the lowest score up: before a stretch leaves, it is the last to be called.
    double area = 0, found = positives;
    for_each_tie(scores_, order_, [&](std::size_t first, std::size_t last) {
      const auto [up, down] = tally(first, last, counts);
      if (up > 0) area += found / called * (up / positives);
      found -= up;
      called -= up + down;
    });
    return area;
  }

 private:
  struct Tally {
    double positives, negatives;
  };
  Tally tally(std::size_t first, std::size_t last, Counts counts) const {
    std::int64_t positives = 0, negatives = 0;
    for (std::size_t i = first; i < last; ++i) {
      (labels_[order_[i]] != 0 ? positives : negatives) += count_of(counts, order_[i]);
    }
    return {static_cast<double>(positives), static_cast<double>(negatives)};
  }

  std::span<const std::int32_t> labels_;
  std::span<const double> scores_;
  std::vector<std::size_t> order_;
};

/// Pairs without a NaN; remembers their rows so that counts of all rows can be handed through.
class CompletePairs {
 public:
  CompletePairs(std::span<const double> x, std::span<const double> y) {
    core::require(x.size() == y.size(), "correlation of columns of different length");
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) || std::isnan(y[i])) continue;
      rows_.push_back(i);
      x_.push_back(x[i]);
      y_.push_back(y[i]);
    }
    x_order_ = rising_order(x_);
    y_order_ = rising_order(y_);
  }

  double pearson(Counts counts) const { return correlate(x_, y_, counts); }
  double spearman(Counts counts) const {
    return correlate(ranks(x_, x_order_, counts), ranks(y_, y_order_, counts), counts);
  }
  double mean_squared_error(Counts counts) const {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double weight = static_cast<double>(count_of(counts, rows_[i]));
      sum += weight * (x_[i] - y_[i]) * (x_[i] - y_[i]);
      n += weight;
    }
    return n > 0 ? sum / n : kNan;
  }

 private:
  double correlate(const std::vector<double>& x, const std::vector<double>& y,
                   Counts counts) const {
    double n = 0, mean_x = 0, mean_y = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double weight = static_cast<double>(count_of(counts, rows_[i]));
      n += weight;
      mean_x += weight * x[i];
      mean_y += weight * y[i];
    }
    if (!(n > 0)) return kNan;
    mean_x /= n;
    mean_y /= n;
    double xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double weight = static_cast<double>(count_of(counts, rows_[i]));
      xx += weight * (x[i] - mean_x) * (x[i] - mean_x);
      yy += weight * (y[i] - mean_y) * (y[i] - mean_y);
      xy += weight * (x[i] - mean_x) * (y[i] - mean_y);
    }
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNan;
  }

  std::vector<double> ranks(const std::vector<double>& values,
                            const std::vector<std::size_t>& order, Counts counts) const {
    std::vector<double> ranks(values.size());
    double below = 0;
    for_each_tie(values, order, [&](std::size_t first, std::size_t last) {
      double equal = 0;
      for (std::size_t i = first; i < last; ++i) {
        equal += static_cast<double>(count_of(counts, rows_[order[i]]));
      }
      for (std::size_t i = first; i < last; ++i) ranks[order[i]] = below + (equal + 1) / 2;
      below += equal;
    });
    return ranks;
  }

  std::vector<std::size_t> rows_;
  std::vector<double> x_, y_;
  std::vector<std::size_t> x_order_, y_order_;
};

/// counts[true class][called class]
std::vector<std::vector<std::int64_t>> cross_table(std::span<const std::int32_t> labels,
                                                   std::span<const std::int32_t> calls,
                                                   std::int32_t classes, Counts counts) {
  core::require(labels.size() == calls.size(), "labels and calls of different length");
  const std::size_t k = static_cast<std::size_t>(classes);
  std::vector<std::vector<std::int64_t>> table(k, std::vector<std::int64_t>(k, 0));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    table.at(static_cast<std::size_t>(labels[i])).at(static_cast<std::size_t>(calls[i])) +=
        count_of(counts, i);
  }
  return table;
}

/// Linear between the values of a sorted sample; NaN of none.
double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return kNan;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const std::size_t low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

}  // namespace

Confusion count_calls(std::span<const std::int32_t> labels, std::span<const double> scores,
                      double threshold, Counts counts) {
  core::require(labels.size() == scores.size(), "labels and scores of different length");
  Confusion table;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool called = scores[i] > threshold;
    std::int64_t& cell = labels[i] != 0 ? (called ? table.true_positive : table.false_negative)
                                        : (called ? table.false_positive : table.true_negative);
    cell += count_of(counts, i);
  }
  return table;
}

double matthews(const Confusion& t) {
  const double tp = static_cast<double>(t.true_positive),
               fp = static_cast<double>(t.false_positive);
  const double tn = static_cast<double>(t.true_negative),
               fn = static_cast<double>(t.false_negative);
  const double margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn);
  return margins > 0 ? (tp * tn - fp * fn) / std::sqrt(margins) : 0;
}

double f1(const Confusion& t) {
  return ratio(2 * t.true_positive, 2 * t.true_positive + t.false_positive + t.false_negative);
}

double precision(const Confusion& t) {
  return ratio(t.true_positive, t.true_positive + t.false_positive);
}

double recall(const Confusion& t) {
  return ratio(t.true_positive, t.true_positive + t.false_negative);
}

double accuracy(const Confusion& t) {
  const std::int64_t right = t.true_positive + t.true_negative;
  const std::int64_t all = right + t.false_positive + t.false_negative;
  return all == 0 ? kNan : ratio(right, all);
}

double auroc(std::span<const std::int32_t> labels, std::span<const double> scores, Counts counts) {
  return RankedScores(labels, scores).auroc(counts);
}

double auprc(std::span<const std::int32_t> labels, std::span<const double> scores, Counts counts) {
  return RankedScores(labels, scores).auprc(counts);
}

double accuracy(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                Counts counts) {
  core::require(labels.size() == calls.size(), "labels and calls of different length");
  std::int64_t right = 0, all = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == calls[i]) right += count_of(counts, i);
    all += count_of(counts, i);
  }
  return all == 0 ? kNan : ratio(right, all);
}

double matthews(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                std::int32_t classes, Counts counts) {
  const auto table = cross_table(labels, calls, classes, counts);
  // R_K by its sums: c right, s in all, t_k of class k, p_k called k (Gorodkin 2004, eq. 8).
  double right = 0, all = 0, tp = 0, tt = 0, pp = 0;
  for (std::size_t k = 0; k < table.size(); ++k) {
    double truly = 0, called = 0;
    for (std::size_t j = 0; j < table.size(); ++j) {
      truly += static_cast<double>(table[k][j]);
      called += static_cast<double>(table[j][k]);
    }
    right += static_cast<double>(table[k][k]);
    all += truly;
    tp += truly * called;
    tt += truly * truly;
    pp += called * called;
  }
  const double margins = (all * all - pp) * (all * all - tt);
  return margins > 0 ? (right * all - tp) / std::sqrt(margins) : 0;
}

double macro_f1(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                std::int32_t classes, Counts counts) {
  const auto table = cross_table(labels, calls, classes, counts);
  double sum = 0;
  int present = 0;
  for (std::size_t k = 0; k < table.size(); ++k) {
    Confusion one;
    one.true_positive = table[k][k];
    for (std::size_t j = 0; j < table.size(); ++j) {
      if (j == k) continue;
      one.false_negative += table[k][j];
      one.false_positive += table[j][k];
    }
    if (one.true_positive + one.false_negative + one.false_positive == 0) continue;
    sum += f1(one);
    ++present;
  }
  return present == 0 ? kNan : sum / present;
}

double pearson(std::span<const double> x, std::span<const double> y, Counts counts) {
  return CompletePairs(x, y).pearson(counts);
}

double spearman(std::span<const double> x, std::span<const double> y, Counts counts) {
  return CompletePairs(x, y).spearman(counts);
}

double mean_squared_error(std::span<const double> x, std::span<const double> y, Counts counts) {
  return CompletePairs(x, y).mean_squared_error(counts);
}

std::vector<Interval95> bootstrap_intervals(std::int64_t n, const std::vector<Figure>& figures,
                                            const BootstrapOptions& options) {
  std::vector<std::vector<double>> values(figures.size());
  std::vector<std::int32_t> counts(static_cast<std::size_t>(n));
  for (int draw = 0; draw < options.resamples && n > 0; ++draw) {
    core::Rng rng(options.seed, core::mix(0x626f6f74, static_cast<std::uint64_t>(draw)));
    std::fill(counts.begin(), counts.end(), 0);
    for (std::int64_t i = 0; i < n; ++i) ++counts[rng.below(static_cast<std::uint64_t>(n))];
    for (std::size_t f = 0; f < figures.size(); ++f) {
      const double value = figures[f](counts);
      if (!std::isnan(value)) values[f].push_back(value);
    }
  }
  std::vector<Interval95> intervals;
  for (std::vector<double>& sample : values) {
    std::sort(sample.begin(), sample.end());
    intervals.push_back({quantile(sample, 0.025), quantile(sample, 0.975)});
  }
  return intervals;
}

Figure auroc_figure(std::span<const std::int32_t> labels, std::span<const double> scores) {
  return [ranked = RankedScores(labels, scores)](Counts counts) { return ranked.auroc(counts); };
}

Figure auprc_figure(std::span<const std::int32_t> labels, std::span<const double> scores) {
  return [ranked = RankedScores(labels, scores)](Counts counts) { return ranked.auprc(counts); };
}

Figure pearson_figure(std::span<const double> x, std::span<const double> y) {
  return [pairs = CompletePairs(x, y)](Counts counts) { return pairs.pearson(counts); };
}

Figure spearman_figure(std::span<const double> x, std::span<const double> y) {
  return [pairs = CompletePairs(x, y)](Counts counts) { return pairs.spearman(counts); };
}

}  // namespace dnabird::train
