#include "train/report.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "core/errors.h"

namespace dnabird::train {
namespace {

/// One label or target of multi-label and regression: columns of all rows, and its figures.
struct Column {
  std::vector<double> outputs, truth;  // (R), NaN where missing
  std::vector<std::size_t> rows;       // where there is a truth
  std::vector<std::int32_t> labels;    // of those rows
  std::vector<double> logits;          // of those rows
};

struct NamedFigure {
  std::string name;
  Figure figure;
};

/// A figure of the rows with a truth, as a figure of all rows.
Figure on_rows(const std::shared_ptr<const Column>& column, Figure figure) {
  return [column, figure = std::move(figure)](Counts counts) {
    if (counts.empty()) return figure(counts);
    std::vector<std::int32_t> picked;
    picked.reserve(column->rows.size());
    for (const std::size_t row : column->rows) picked.push_back(counts[row]);
    return column->rows.empty() ? std::numeric_limits<double>::quiet_NaN() : figure(picked);
  };
}

std::vector<NamedFigure> binary_figures(const std::vector<std::int32_t>& labels,
                                        const std::vector<double>& logits) {
  const auto at_zero = [&](double (*figure)(const Confusion&)) {
    return [&labels, &logits, figure](Counts counts) {
      return figure(count_calls(labels, logits, 0, counts));
    };
  };
  return {{"MCC", at_zero(matthews)},
          {"F1", at_zero(f1)},
          {"accuracy", at_zero(static_cast<double (*)(const Confusion&)>(accuracy))},
          {"AUROC", auroc_figure(labels, logits)},
          {"AUPRC", auprc_figure(labels, logits)}};
}

std::shared_ptr<Column> make_column(const Predictions& p, std::size_t k) {
  const std::size_t targets = p.targets.size();
  auto column = std::make_shared<Column>();
  for (std::size_t i = k; i < p.truth.size(); i += targets) {
    if (!std::isnan(p.truth[i])) {
      column->rows.push_back(i / targets);
      column->labels.push_back(p.truth[i] > 0.5 ? 1 : 0);
      column->logits.push_back(p.outputs[i]);
    }
    column->outputs.push_back(p.outputs[i]);
    column->truth.push_back(p.truth[i]);
  }
  return column;
}

std::vector<NamedFigure> column_figures(model::HeadTask task,
                                        const std::shared_ptr<const Column>& column) {
  if (task == model::HeadTask::regression) {
    return {{"Pearson", pearson_figure(column->truth, column->outputs)},
            {"Spearman", spearman_figure(column->truth, column->outputs)},
            {"MSE", [column](Counts counts) {
               return mean_squared_error(column->truth, column->outputs, counts);
             }}};
  }
  std::vector<NamedFigure> figures;
  for (NamedFigure& one : binary_figures(column->labels, column->logits)) {
    if (one.name == "accuracy") continue;  // says little where most labels are 0
    figures.push_back({one.name, on_rows(column, std::move(one.figure))});
  }
  // The area comes first: it is the headline, and no threshold has to be right for it.
  std::swap(figures[0], figures[2]);
  return figures;
}

/// Mean of the figures that are defined.
Figure mean_of(std::vector<Figure> figures) {
  return [figures = std::move(figures)](Counts counts) {
    double sum = 0;
    int defined = 0;
    for (const Figure& figure : figures) {
      const double value = figure(counts);
      if (std::isnan(value)) continue;
      sum += value;
      ++defined;
    }
    return defined > 0 ? sum / defined : std::numeric_limits<double>::quiet_NaN();
  };
}

std::vector<Metric> finish(std::int64_t rows, std::vector<Metric> metrics,
                           const std::vector<Figure>& figures, const BootstrapOptions& options) {
  const std::vector<Interval95> intervals = bootstrap_intervals(rows, figures, options);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    metrics[i].value = figures[i]({});
    metrics[i].interval = intervals[i];
  }
  return metrics;
}

std::vector<Metric> evaluate_classes(const Predictions& p, const BootstrapOptions& options) {
  const std::size_t classes = p.targets.size(), rows = p.labels.size();
  std::vector<NamedFigure> named;
  std::vector<double> logits;
  std::vector<std::int32_t> calls;
  for (std::size_t r = 0; r < rows; ++r) {
    const double* row = p.outputs.data() + r * classes;
    std::size_t best = 0;
    for (std::size_t k = 1; k < classes; ++k) best = row[k] > row[best] ? k : best;
    calls.push_back(static_cast<std::int32_t>(best));
    if (classes == 2) logits.push_back(row[1] - row[0]);
  }
  if (classes == 2) {
    named = binary_figures(p.labels, logits);
  } else {
    const auto k = static_cast<std::int32_t>(classes);
    named = {{"MCC", [&, k](Counts c) { return matthews(p.labels, calls, k, c); }},
             {"accuracy", [&](Counts c) { return accuracy(p.labels, calls, c); }},
             {"macro_F1", [&, k](Counts c) { return macro_f1(p.labels, calls, k, c); }}};
  }
  std::vector<Metric> metrics;
  std::vector<Figure> figures;
  for (NamedFigure& one : named) {
    metrics.push_back({"label", one.name, 0, {}, static_cast<std::int64_t>(rows)});
    figures.push_back(std::move(one.figure));
  }
  return finish(static_cast<std::int64_t>(rows), std::move(metrics), figures, options);
}

std::vector<Metric> evaluate_columns(const Predictions& p, const BootstrapOptions& options) {
  std::vector<Metric> metrics;
  std::vector<Figure> figures;
  std::vector<std::shared_ptr<Column>> columns;
  for (std::size_t k = 0; k < p.targets.size(); ++k) {
    columns.push_back(make_column(p, k));
    const auto n = static_cast<std::int64_t>(columns.back()->rows.size());
    for (NamedFigure& one : column_figures(p.task, columns.back())) {
      metrics.push_back({p.targets[k], one.name, 0, {}, n});
      figures.push_back(std::move(one.figure));
    }
  }
  const std::size_t targets = p.targets.size(), per_target = figures.size() / targets;
  const auto rows = static_cast<std::int64_t>(p.truth.size() / targets);
  if (targets > 1) {
    std::vector<Metric> mean_metrics;
    std::vector<Figure> mean_figures;
    for (std::size_t f = 0; f < per_target; ++f) {
      std::vector<Figure> of_each;
      for (std::size_t k = 0; k < targets; ++k) of_each.push_back(figures[k * per_target + f]);
      mean_metrics.push_back({"mean", metrics[f].name, 0, {}, rows});
      mean_figures.push_back(mean_of(std::move(of_each)));
    }
    metrics.insert(metrics.begin(), mean_metrics.begin(), mean_metrics.end());
    figures.insert(figures.begin(), mean_figures.begin(), mean_figures.end());
  }
  return finish(rows, std::move(metrics), figures, options);
}

}  // namespace

std::vector<Metric> evaluate_predictions(const Predictions& predictions,
                                         const BootstrapOptions& options) {
  const std::size_t k = predictions.targets.size();
  if (predictions.task == model::HeadTask::classification) {
    core::require(k >= 2 && predictions.outputs.size() == predictions.labels.size() * k,
                  "predictions and labels of different size");
    return evaluate_classes(predictions, options);
  }
  core::require(predictions.task != model::HeadTask::none && k >= 1 &&
                    predictions.outputs.size() == predictions.truth.size(),
                "predictions and truth of different size");
  return evaluate_columns(predictions, options);
}

}  // namespace dnabird::train
