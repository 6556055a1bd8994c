#include "train/effect_figures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/errors.h"

namespace dnabird::train {
namespace {

enum class Sign { kept, dropped };

/// The rows of one contig (or all) that have one score.
struct Rows {
  std::vector<double> score, truth;
  std::vector<std::int32_t> labels;  // empty: no AUROC
};

Rows pick(const ScoredEffects& effects, std::size_t score, const std::string& contig) {
  Rows rows;
  for (std::size_t i = 0; i < effects.truth.size(); ++i) {
    if (!contig.empty() && effects.contigs[i] != contig) continue;
    if (std::isnan(effects.scores[score][i]) || std::isnan(effects.truth[i])) continue;
    rows.score.push_back(effects.scores[score][i]);
    rows.truth.push_back(effects.truth[i]);
  }
  return rows;
}

void drop_signs(std::vector<double>& values) {
  for (double& value : values) value = std::abs(value);
}

void add_labels(Rows& rows, const EffectOptions& options, bool truth_is_a_flag) {
  if (!truth_is_a_flag && !(options.positive_threshold > 0)) return;
  for (const double truth : rows.truth) {
    const bool positive =
        truth_is_a_flag ? truth == 1 : std::abs(truth) > options.positive_threshold;
    rows.labels.push_back(positive ? 1 : 0);
  }
}

void add_figures(const Rows& rows, Metric like, const EffectOptions& options,
                 std::vector<Metric>& metrics) {
  like.n = static_cast<std::int64_t>(rows.score.size());
  std::vector<std::string> names = {"Spearman", "Pearson"};
  std::vector<Figure> figures = {spearman_figure(rows.score, rows.truth),
                                 pearson_figure(rows.score, rows.truth)};
  if (!rows.labels.empty()) {
    names.push_back("AUROC");
    figures.push_back(auroc_figure(rows.labels, rows.score));
  }
  const auto intervals = bootstrap_intervals(like.n, figures, options.bootstrap);
  for (std::size_t f = 0; f < figures.size(); ++f) {
    like.name = names[f];
    like.value = figures[f]({});
    like.interval = intervals[f];
    metrics.push_back(like);
  }
}

}  // namespace

std::vector<Metric> effect_figures(const ScoredEffects& effects, const EffectOptions& options) {
  core::require(effects.scores.size() == effects.score_names.size() &&
                    effects.contigs.size() == effects.truth.size(),
                "columns of scored effects differ in size");
  std::vector<std::string> groups = {""};  // all
  for (const std::string& contig : effects.contigs) {
    if (std::find(groups.begin(), groups.end(), contig) == groups.end()) groups.push_back(contig);
  }
  if (groups.size() == 2) groups.pop_back();
  const bool flag = !effects.truth.empty() &&
                    std::all_of(effects.truth.begin(), effects.truth.end(),
                                [](double t) { return t == 0 || t == 1 || std::isnan(t); });
  std::vector<Metric> metrics;
  for (const std::string& group : groups) {
    for (std::size_t s = 0; s < effects.scores.size(); ++s) {
      core::require(effects.scores[s].size() == effects.truth.size(),
                    "columns of scored effects differ in size");
      for (const Sign sign : {Sign::kept, Sign::dropped}) {
        Rows rows = pick(effects, s, group);
        add_labels(rows, options, flag);
        Metric like;
        like.group = group.empty() ? "all" : group;
        like.target = effects.score_names[s];
        if (sign == Sign::dropped) {
          drop_signs(rows.score);
          drop_signs(rows.truth);
          like.target = "|" + like.target + "|";
        }
        add_figures(rows, std::move(like), options, metrics);
      }
    }
  }
  return metrics;
}

}  // namespace dnabird::train
