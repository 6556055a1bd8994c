// The parts of `dnabird evaluate`: sequences with labels, variants with a truth, promoter calls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/cli.h"
#include "train/metrics.h"
#include "train/report.h"

namespace dnabird::pipelines {

struct EvaluateOptions {
  CommonOptions common;
  int resamples = 1000;
  std::string predictions;  // --predictions

  // Sequences.
  std::vector<std::string> data, train;
  bool baselines = false;
  bool masked_lm = false;

  // Variants.
  std::string reference, variants, truth;
  bool scored = false;
  std::vector<std::string> minima;
  double positive_threshold = 0;

  // Promoter calls.
  std::string annotation, truth_bed, thresholds = "0.5,0.9,0.99";

  train::BootstrapOptions bootstrap() const { return {resamples, common.seed}; }
};

/// What is printed: rows, and lines of provenance ("model=promoter-small").
struct EvaluateReport {
  struct Row {
    std::string model;  // a model's name, or "GC", "k-mer logistic", ...
    train::Metric metric;
  };
  std::vector<std::string> provenance;
  std::vector<Row> rows;

  void add(const std::string& model, const std::vector<train::Metric>& metrics);
};

/// Five digits; "." for NaN.
std::string format_number(double value);

/// Each adds its rows; each throws UsageError for options that do not fit together and DataError
/// for what is wrong in a file.
void evaluate_sequences(const EvaluateOptions& options, EvaluateReport& report);
void evaluate_variants(const EvaluateOptions& options, EvaluateReport& report);
void evaluate_annotation(const EvaluateOptions& options, EvaluateReport& report);

}  // namespace dnabird::pipelines
