// What a model has to beat: GC content, and linear models on k-mer frequencies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/model_config.h"
#include "train/report.h"

namespace dnabird::train {

/// Share of G and C among the A C G T; 0.5 where there is none.
double gc_content(const std::string& bases);

/// One number per sequence for each target: logit of a label, or a value.
/// Classification has one column for two classes (of class 1), else one for each class.
struct LinearTargets {
  model::HeadTask task = model::HeadTask::classification;
  std::vector<std::string> targets;          // (K)
  std::vector<std::vector<double>> columns;  // 0 or 1, or values; NaN = missing; (rows) each

  /// From the truth that predictions are held against (their outputs are not looked at).
  static LinearTargets from(const Predictions& truth);
  /// Outputs (R,K) as Predictions wants them, from one column of numbers per target.
  std::vector<double> outputs(const std::vector<std::vector<double>>& numbers) const;
};

/// GC content: a label is called above the threshold with the best MCC on the training set; a value
/// is a straight line in GC.
class GcBaseline {
 public:
  GcBaseline(std::span<const std::string> sequences, const LinearTargets& targets);
  std::vector<std::vector<double>> predict(std::span<const std::string> sequences) const;

 private:
  struct Line {
    double slope, offset;
  };
  std::vector<Line> lines_;  // one for each column
};

struct KmerBaselineOptions {
  int smallest_k = 3, largest_k = 6;
  /// Strengths of the L2 penalty to choose from, by the loss on every tenth row of the training
  /// set, which is left out for that.
  std::vector<double> penalties = {0.01, 0.03, 0.1, 0.3, 1, 3};
};

/// Logistic (labels, classes balanced) or ridge regression (values) on standardised k-mer
/// frequencies of the given strand, fitted by L-BFGS; the same bytes every time.
class KmerBaseline {
 public:
  KmerBaseline(std::span<const std::string> sequences, const LinearTargets& targets,
               const KmerBaselineOptions& options = {});
  std::vector<std::vector<double>> predict(std::span<const std::string> sequences) const;
  /// Chosen for each column.
  const std::vector<double>& penalties() const { return penalties_; }

 private:
  struct Line {
    std::vector<double> weights;  // of raw frequencies, (features)
    double offset;
  };
  KmerBaselineOptions options_;
  std::vector<Line> lines_;
  std::vector<double> penalties_;
};

}  // namespace dnabird::train
