// Figures of merit: what a set of predictions is worth, each with a bootstrap interval.
// A figure that is not defined (AUROC of one class, correlation of a constant) is NaN.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace dnabird::train {

/// How often each row counts, (n); an empty span means once each. Resamples are such counts.
using Counts = std::span<const std::int32_t>;

/// What came of binary calls, in rows.
struct Confusion {
  std::int64_t true_positive = 0, false_positive = 0, true_negative = 0, false_negative = 0;
};

/// Calls rows with score > threshold; labels (n) are 0 or 1.
Confusion count_calls(std::span<const std::int32_t> labels, std::span<const double> scores,
                      double threshold, Counts counts = {});

/// Matthews correlation; 0 where a margin of the table is empty.
double matthews(const Confusion& table);
/// 2TP / (2TP + FP + FN); 0 without a true positive.
double f1(const Confusion& table);
double precision(const Confusion& table);  // 0 without a call
double recall(const Confusion& table);     // 0 without a positive
double accuracy(const Confusion& table);

/// Area under the ROC curve: P(score of a positive > of a negative), ties count a half.
double auroc(std::span<const std::int32_t> labels, std::span<const double> scores,
             Counts counts = {});
/// Average precision: the sum of precision times gain in recall over falling thresholds, rows of
/// equal score entering together.
double auprc(std::span<const std::int32_t> labels, std::span<const double> scores,
             Counts counts = {});

/// Calls of one class out of several: labels and calls (n) in [0, classes).
double accuracy(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                Counts counts = {});
/// R_K of Gorodkin 2004, which is Matthews correlation for two classes; 0 where undefined.
double matthews(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                std::int32_t classes, Counts counts = {});
/// Mean of the classes' F1; a class that is neither present nor called is left out.
double macro_f1(std::span<const std::int32_t> labels, std::span<const std::int32_t> calls,
                std::int32_t classes, Counts counts = {});

/// Rows with a NaN on either side are left out of all three.
double pearson(std::span<const double> x, std::span<const double> y, Counts counts = {});
/// Pearson of the ranks, ties at their mean rank.
double spearman(std::span<const double> x, std::span<const double> y, Counts counts = {});
double mean_squared_error(std::span<const double> x, std::span<const double> y, Counts counts = {});

struct BootstrapOptions {
  int resamples = 1000;  // 0: no interval
  std::uint64_t seed = 1;
};

struct Interval95 {
  double low, high;  // NaN where there is none
};

/// A figure of rows that count as often as `counts` says.
using Figure = std::function<double(Counts)>;

/// Percentile intervals (2.5 to 97.5 %) of figures over resamples of n rows, drawn with
/// replacement; resamples where a figure is NaN are left out for that figure.
std::vector<Interval95> bootstrap_intervals(std::int64_t n, const std::vector<Figure>& figures,
                                            const BootstrapOptions& options);

/// Figures of columns that the caller keeps alive; sorted once, so that resamples are cheap.
Figure auroc_figure(std::span<const std::int32_t> labels, std::span<const double> scores);
Figure auprc_figure(std::span<const std::int32_t> labels, std::span<const double> scores);
Figure pearson_figure(std::span<const double> x, std::span<const double> y);
Figure spearman_figure(std::span<const double> x, std::span<const double> y);

}  // namespace dnabird::train
