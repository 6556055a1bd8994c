// What a head's outputs are worth: the figures that belong to its task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.h"
#include "train/metrics.h"

namespace dnabird::train {

/// What a head gave for R sequences, and the truth.
struct Predictions {
  model::HeadTask task = model::HeadTask::classification;
  std::vector<std::string> targets;  // (K): classes, labels or regression targets
  std::vector<double> outputs;       // (R,K): logits, or values in units of the targets
  std::vector<std::int32_t> labels;  // (R): classification, else empty
  std::vector<double> truth;         // (R,K): multi-label 0 or 1, regression; NaN = missing
};

/// One line of a report.
struct Metric {
  std::string target;  // a label or target, "mean" over several of them; "label" for classification
  std::string name;    // MCC, F1, accuracy, AUROC, AUPRC, macro_F1, Pearson, Spearman, MSE
  double value = 0;
  Interval95 interval{};      // NaN without resamples
  std::int64_t n = 0;         // rows with a truth
  std::string group = "all";  // the part of the data: a contig, a threshold
};

/// Two classes: MCC, F1, accuracy, AUROC, AUPRC of class 1. More: MCC, accuracy, macro_F1.
/// Multi-label: AUROC, AUPRC, MCC, F1. Regression: Pearson, Spearman, MSE. Of several labels or
/// targets first the means (those where a figure is undefined left out), then each of them.
/// The first metric is the task's headline: larger is better, training picks its best step by it.
/// Throws std::logic_error if sizes disagree.
std::vector<Metric> evaluate_predictions(const Predictions& predictions,
                                         const BootstrapOptions& options);

}  // namespace dnabird::train
