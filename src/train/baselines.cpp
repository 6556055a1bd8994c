#include "train/baselines.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "core/errors.h"
#include "seq/alphabet.h"
#include "train/lbfgs.h"

namespace dnabird::train {
namespace {

bool is_value(model::HeadTask task) { return task == model::HeadTask::regression; }

/// K-mers of several lengths of many sequences, by position: row r has the features
/// feature[begin[r*L+l], begin[r*L+l+1]) of length l. The frequency of a feature is how often it is
/// named over how many of its length are. Counts need no values beside the indices.
struct KmerTable {
  int smallest_k, largest_k;
  std::vector<std::size_t> begin;
  std::vector<std::uint32_t> feature;

  std::size_t lengths() const { return static_cast<std::size_t>(largest_k - smallest_k + 1); }
  std::size_t rows() const { return (begin.size() - 1) / lengths(); }
  std::size_t features() const { return offset(largest_k + 1); }
  std::size_t offset(int k) const {  // 4^smallest + ... + 4^(k-1)
    return ((std::size_t{1} << (2 * k)) - (std::size_t{1} << (2 * smallest_k))) / 3;
  }

  void add(const std::string& bases) {
    for (int k = smallest_k; k <= largest_k; ++k) {
      const std::size_t mask = (std::size_t{1} << (2 * k)) - 1, first = offset(k);
      std::size_t word = 0;
      int known = 0;
      for (const char letter : bases) {
        const int code = seq::base_code(letter);
        known = code < 0 ? 0 : known + 1;
        word = ((word << 2) | static_cast<std::size_t>(std::max(code, 0))) & mask;
        if (known >= k) feature.push_back(static_cast<std::uint32_t>(first + word));
      }
      begin.push_back(feature.size());
    }
  }

  /// Calls visit(feature, 1 / k-mers of that length) for each k-mer of a row.
  template <class Visit>
  void for_each(std::size_t row, Visit visit) const {
    for (std::size_t l = row * lengths(); l < (row + 1) * lengths(); ++l) {
      const double share =
          1.0 / static_cast<double>(std::max<std::size_t>(begin[l + 1] - begin[l], 1));
      for (std::size_t i = begin[l]; i < begin[l + 1]; ++i) visit(feature[i], share);
    }
  }
};

KmerTable count_kmers(std::span<const std::string> sequences, const KmerBaselineOptions& options) {
  KmerTable table{options.smallest_k, options.largest_k, {0}, {}};
  for (const std::string& bases : sequences) table.add(bases);
  return table;
}

/// Mean and 1 / standard deviation of every frequency over all rows; a feature that never varies
/// gets 0, which leaves it out.
struct Scaling {
  Eigen::VectorXd mean, scale;
};

Scaling measure(const KmerTable& table) {
  const auto n = static_cast<Eigen::Index>(table.features());
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(n), squares = sum, row = sum;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    table.for_each(r, [&](std::uint32_t f, double share) { row[f] += share; });
    table.for_each(r, [&](std::uint32_t f, double) {  // each feature once: then it is zero again
      sum[f] += row[f];
      squares[f] += row[f] * row[f];
      row[f] = 0;
    });
  }
  const double rows = static_cast<double>(std::max<std::size_t>(table.rows(), 1));
  Scaling scaling{sum / rows, Eigen::VectorXd::Zero(n)};
  for (Eigen::Index f = 0; f < n; ++f) {
    const double variance = squares[f] / rows - scaling.mean[f] * scaling.mean[f];
    if (variance > 1e-14) scaling.scale[f] = 1 / std::sqrt(variance);
  }
  return scaling;
}

/// One column to fit: rows with a truth, each with a weight; the weights add up to 1.
struct Task {
  bool logistic;
  std::vector<std::size_t> rows;
  std::vector<double> truth, weight;
};

Task make_task(bool logistic, const std::vector<double>& column,
               const std::vector<std::size_t>& rows) {
  Task task{logistic, {}, {}, {}};
  double positives = 0;
  for (const std::size_t r : rows) {
    if (std::isnan(column[r])) continue;
    task.rows.push_back(r);
    task.truth.push_back(column[r]);
    positives += column[r] > 0.5 ? 1 : 0;
  }
  const double n = static_cast<double>(task.rows.size());
  // Half of the weight for either label, so that the threshold 0 suits a set of any balance.
  const bool balanced = logistic && positives > 0 && positives < n;
  for (const double y : task.truth) {
    task.weight.push_back(!balanced ? 1 / n : y > 0.5 ? 0.5 / positives : 0.5 / (n - positives));
  }
  return task;
}

/// log(1 + e^x) without overflow.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

/// Loss of one number against its truth, and its derivative.
double loss_of(bool logistic, double number, double truth, double* derivative) {
  if (!logistic) {
    *derivative = number - truth;
    return 0.5 * (number - truth) * (number - truth);
  }
  *derivative = 1 / (1 + std::exp(-number)) - truth;
  return softplus(number) - truth * number;
}

/// The standardised linear model x = (weights (features), intercept) on a row.
class Problem {
 public:
  Problem(const KmerTable& table, const Scaling& scaling) : table_(table), scaling_(scaling) {}

  Eigen::VectorXd raw_weights(const Eigen::VectorXd& x) const {
    return x.head(x.size() - 1).cwiseProduct(scaling_.scale);
  }
  double raw_offset(const Eigen::VectorXd& x) const {
    return x[x.size() - 1] - raw_weights(x).dot(scaling_.mean);
  }

  /// Mean loss; adds nothing for the penalty. `gradient` may be null.
  double loss(const Task& task, const Eigen::VectorXd& x, Eigen::VectorXd* gradient) const {
    const Eigen::VectorXd weights = raw_weights(x);
    const double offset = raw_offset(x);
    Eigen::VectorXd by_frequency = Eigen::VectorXd::Zero(weights.size());
    double total = 0, pull = 0;
    for (std::size_t i = 0; i < task.rows.size(); ++i) {
      double number = offset, derivative = 0;
      table_.for_each(task.rows[i],
                      [&](std::uint32_t f, double share) { number += share * weights[f]; });
      total += task.weight[i] * loss_of(task.logistic, number, task.truth[i], &derivative);
      if (gradient == nullptr) continue;
      derivative *= task.weight[i];
      pull += derivative;
      table_.for_each(task.rows[i], [&](std::uint32_t f, double share) {
        by_frequency[f] += share * derivative;
      });
    }
    if (gradient != nullptr) {
      gradient->head(weights.size()) =
          (by_frequency - pull * scaling_.mean).cwiseProduct(scaling_.scale);
      (*gradient)[weights.size()] = pull;
    }
    return total;
  }

  Eigen::VectorXd fit(const Task& task, double penalty, Eigen::VectorXd start) const {
    const auto objective = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
      const double value = loss(task, x, &gradient);
      const auto weights = x.head(x.size() - 1);
      gradient.head(x.size() - 1) += penalty * weights;
      return value + 0.5 * penalty * weights.squaredNorm();
    };
    return minimize(objective, std::move(start)).x;
  }

 private:
  const KmerTable& table_;
  const Scaling& scaling_;
};

/// Threshold between two GC values with the best MCC; the lowest of equally good ones.
double best_threshold(const std::vector<double>& gc, const std::vector<double>& column) {
  std::vector<std::pair<double, bool>> rows;
  Confusion table;
  for (std::size_t i = 0; i < gc.size(); ++i) {
    if (std::isnan(column[i])) continue;
    rows.emplace_back(gc[i], column[i] > 0.5);
    ++(column[i] > 0.5 ? table.true_positive : table.false_positive);
  }
  std::sort(rows.begin(), rows.end());
  double best = -2, threshold = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {  // rows up to i fall below the threshold
    --(rows[i].second ? table.true_positive : table.false_positive);
    ++(rows[i].second ? table.false_negative : table.true_negative);
    if (i + 1 == rows.size() || rows[i + 1].first == rows[i].first) continue;
    const double mcc = matthews(table);
    if (mcc > best) {
      best = mcc;
      threshold = (rows[i].first + rows[i + 1].first) / 2;
    }
  }
  return threshold;
}

}  // namespace

double gc_content(const std::string& bases) {
  std::size_t gc = 0, known = 0;
  for (const char letter : bases) {
    if (!seq::is_acgt(letter)) continue;
    ++known;
    gc += letter == 'G' || letter == 'C' || letter == 'g' || letter == 'c' ? 1 : 0;
  }
  return known == 0 ? 0.5 : static_cast<double>(gc) / static_cast<double>(known);
}

LinearTargets LinearTargets::from(const Predictions& truth) {
  LinearTargets targets{truth.task, truth.targets, {}};
  const std::size_t k = truth.targets.size();
  if (truth.task == model::HeadTask::classification) {
    for (std::size_t c = k == 2 ? 1 : 0; c < k; ++c) {
      std::vector<double>& column = targets.columns.emplace_back();
      for (const std::int32_t label : truth.labels) {
        column.push_back(static_cast<std::size_t>(label) == c ? 1 : 0);
      }
    }
    return targets;
  }
  for (std::size_t c = 0; c < k; ++c) {
    std::vector<double>& column = targets.columns.emplace_back();
    for (std::size_t i = c; i < truth.truth.size(); i += k) column.push_back(truth.truth[i]);
  }
  return targets;
}

std::vector<double> LinearTargets::outputs(const std::vector<std::vector<double>>& numbers) const {
  std::vector<double> outputs;
  const bool one_of_two = task == model::HeadTask::classification && targets.size() == 2;
  for (std::size_t r = 0; !numbers.empty() && r < numbers[0].size(); ++r) {
    if (one_of_two) outputs.push_back(0);
    for (const std::vector<double>& column : numbers) outputs.push_back(column[r]);
  }
  return outputs;
}

GcBaseline::GcBaseline(std::span<const std::string> sequences, const LinearTargets& targets) {
  std::vector<double> gc;
  for (const std::string& bases : sequences) gc.push_back(gc_content(bases));
  for (const std::vector<double>& column : targets.columns) {
    core::require(column.size() == gc.size(), "targets and sequences of different number");
    if (!is_value(targets.task)) {
      lines_.push_back({1, -best_threshold(gc, column)});
      continue;
    }
    double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0;
    for (std::size_t i = 0; i < gc.size(); ++i) {
      if (std::isnan(column[i])) continue;
      n += 1;
      mean_x += gc[i];
      mean_y += column[i];
    }
    mean_x /= std::max(n, 1.0);
    mean_y /= std::max(n, 1.0);
    for (std::size_t i = 0; i < gc.size(); ++i) {
      if (std::isnan(column[i])) continue;
      xx += (gc[i] - mean_x) * (gc[i] - mean_x);
      xy += (gc[i] - mean_x) * (column[i] - mean_y);
    }
    const double slope = xx > 0 ? xy / xx : 0;
    lines_.push_back({slope, mean_y - slope * mean_x});
  }
}

std::vector<std::vector<double>> GcBaseline::predict(std::span<const std::string> sequences) const {
  std::vector<std::vector<double>> numbers;
  for (const Line& line : lines_) {
    std::vector<double>& column = numbers.emplace_back();
    for (const std::string& bases : sequences) {
      column.push_back(line.slope * gc_content(bases) + line.offset);
    }
  }
  return numbers;
}

KmerBaseline::KmerBaseline(std::span<const std::string> sequences, const LinearTargets& targets,
                           const KmerBaselineOptions& options)
    : options_(options) {
  core::require(options.smallest_k >= 1 && options.largest_k <= 8 &&
                    options.smallest_k <= options.largest_k && !options.penalties.empty(),
                "k-mer lengths 1 to 8 and at least one penalty");
  const KmerTable table = count_kmers(sequences, options);
  const Scaling scaling = measure(table);
  const Problem problem(table, scaling);
  std::vector<std::size_t> all(sequences.size()), kept, held;
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (const std::size_t r : all) (r % 10 == 9 ? held : kept).push_back(r);
  const Eigen::VectorXd zero =
      Eigen::VectorXd::Zero(static_cast<Eigen::Index>(table.features()) + 1);
  std::vector<double> penalties = options.penalties;
  std::sort(penalties.rbegin(), penalties.rend());  // each fit starts from the stronger one's
  for (const std::vector<double>& column : targets.columns) {
    core::require(column.size() == sequences.size(), "targets and sequences of different number");
    const bool logistic = !is_value(targets.task);
    double penalty = penalties[0], best = std::numeric_limits<double>::infinity();
    Eigen::VectorXd x = zero, chosen = zero;
    for (const double candidate : penalties) {
      if (penalties.size() == 1) break;
      x = problem.fit(make_task(logistic, column, kept), candidate, x);
      const double loss = problem.loss(make_task(logistic, column, held), x, nullptr);
      if (!(loss < best)) break;  // weaker penalties only fit the noise better
      best = loss;
      penalty = candidate;
      chosen = x;
    }
    x = problem.fit(make_task(logistic, column, all), penalty, chosen);
    const Eigen::VectorXd weights = problem.raw_weights(x);
    lines_.push_back({{weights.begin(), weights.end()}, problem.raw_offset(x)});
    penalties_.push_back(penalty);
  }
}

std::vector<std::vector<double>> KmerBaseline::predict(
    std::span<const std::string> sequences) const {
  const KmerTable table = count_kmers(sequences, options_);
  std::vector<std::vector<double>> numbers;
  for (const Line& line : lines_) {
    std::vector<double>& column = numbers.emplace_back();
    for (std::size_t r = 0; r < table.rows(); ++r) {
      double number = line.offset;
      table.for_each(r, [&](std::uint32_t f, double share) { number += share * line.weights[f]; });
      column.push_back(number);
    }
  }
  return numbers;
}

}  // namespace dnabird::train
