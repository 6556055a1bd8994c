// Variant scores against measured effects or flags.
#pragma once

#include <string>
#include <vector>

#include "train/metrics.h"
#include "train/report.h"

namespace dnabird::train {

/// Alleles with a truth and their scores, column by column.
struct ScoredEffects {
  std::vector<std::string> contigs;         // (n)
  std::vector<double> truth;                // (n): a measured effect, or a flag 0 / 1
  std::vector<std::string> score_names;     // (S): LLR, PROM, DIST
  std::vector<std::vector<double>> scores;  // (S) columns of (n); NaN = not scored
};

struct EffectOptions {
  /// |truth| above it is a positive of AUROC; a truth of nothing but 0 and 1 is its own label.
  /// 0: no AUROC of other truths.
  double positive_threshold = 0;
  BootstrapOptions bootstrap;
};

/// For all contigs together and then each (if there are several), and for each score S: Spearman
/// and Pearson of S with the truth, of |S| with |truth|, and AUROC of either. `group` is the
/// contig, `target` the score. n counts the alleles that have it.
std::vector<Metric> effect_figures(const ScoredEffects& effects, const EffectOptions& options);

}  // namespace dnabird::train
