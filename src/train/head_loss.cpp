#include "train/head_loss.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "ops/losses.h"
#include "ops/sums.h"

namespace dnabird::train {

using core::DataError;
using core::Tensor;
using model::HeadTask;

namespace {

/// Calls visit(k, value) for every value of (R,K) that is not missing.
template <class Visit>
void for_each_value(const std::vector<float>& truth, std::size_t n_targets, Visit visit) {
  for (std::size_t i = 0; i < truth.size(); ++i) {
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there are targets
    if (!std::isnan(truth[i])) visit(i % n_targets, truth[i]);
  }
}

}  // namespace

std::vector<Standard> standards_of(const data::LabelledData& data) {
  const std::size_t n_targets = data.targets.size();
  std::vector<double> sums(n_targets), squares(n_targets), counts(n_targets);
  for_each_value(data.truth, n_targets, [&](std::size_t k, double value) {
    sums[k] += value;
    ++counts[k];
  });
  std::vector<Standard> standards(n_targets);
  for (std::size_t k = 0; k < n_targets; ++k) {
    if (counts[k] == 0) {
      throw DataError("'" + data.paths[0] + "': no row has a value for '" + data.targets[k] + "'");
    }
    standards[k].mean = sums[k] / counts[k];
  }
  for_each_value(data.truth, n_targets, [&](std::size_t k, double value) {
    squares[k] += (value - standards[k].mean) * (value - standards[k].mean);
  });
  for (std::size_t k = 0; k < n_targets; ++k) {
    if (squares[k] > 0) standards[k].deviation = std::sqrt(squares[k] / counts[k]);
  }
  return standards;
}

void rescale_head(std::span<const double> factors, std::span<const double> shifts,
                  model::Model& model) {
  const std::string last = model::head_names(model.config()).output;
  Tensor weight = model.parameters().value(last + ".weight");  // (K,C)
  Tensor bias = model.parameters().value(last + ".bias");      // (K)
  std::vector<double> w = weight.to_doubles(), b = bias.to_doubles();
  const std::size_t channels = w.size() / b.size();
  for (std::size_t i = 0; i < w.size(); ++i) w[i] *= factors[i / channels];
  for (std::size_t k = 0; k < b.size(); ++k) b[k] = b[k] * factors[k] + shifts[k];
  weight.set(std::span<const double>(w));
  bias.set(std::span<const double>(b));
}

void to_target_units(const std::vector<Standard>& standards, model::Model& model) {
  std::vector<double> factors, shifts;
  for (const Standard& standard : standards) {
    factors.push_back(standard.deviation);
    shifts.push_back(standard.mean);
  }
  rescale_head(factors, shifts, model);
}

void to_standard_units(const std::vector<Standard>& standards, model::Model& model) {
  std::vector<double> factors, shifts;
  for (const Standard& standard : standards) {
    factors.push_back(1 / standard.deviation);
    shifts.push_back(-standard.mean / standard.deviation);
  }
  rescale_head(factors, shifts, model);
}

std::vector<double> balanced_weights(const data::LabelledData& data) {
  const std::size_t n_targets = data.targets.size();
  const auto refuse = [&](std::size_t k, const std::string& what) {
    throw DataError("--class-weights balanced: '" + data.paths[0] + "' has no " + what + " '" +
                    data.targets[k] + "'");
  };
  std::vector<double> positives(n_targets), counts(n_targets), weights;
  for (const std::int32_t label : data.labels) ++positives[label];
  for_each_value(data.truth, n_targets, [&](std::size_t k, double value) {
    positives[k] += value;
    ++counts[k];
  });
  for (std::size_t k = 0; k < n_targets; ++k) {
    if (positives[k] == 0) refuse(k, "row of");
    if (data.task == HeadTask::classification) {
      weights.push_back(static_cast<double>(data.labels.size()) /
                        (static_cast<double>(n_targets) * positives[k]));
      continue;
    }
    if (positives[k] == counts[k]) refuse(k, "row without");
    weights.push_back((counts[k] - positives[k]) / positives[k]);
  }
  return weights;
}

HeadTruth make_truth(const data::LabelledData& data, const std::vector<Standard>& standards,
                     std::vector<double> weights) {
  HeadTruth truth{data.task, static_cast<std::int64_t>(data.targets.size()), data.labels,
                  data.truth, std::move(weights)};
  if (data.task != HeadTask::regression) return truth;
  for (std::size_t i = 0; i < truth.truth.size(); ++i) {
    const Standard& standard = standards[i % standards.size()];
    truth.truth[i] = static_cast<float>((truth.truth[i] - standard.mean) / standard.deviation);
  }
  return truth;
}

double HeadTruth::scale(std::span<const std::size_t> members) const {
  double sum = 0;
  for (const std::size_t row : members) {
    if (task == HeadTask::classification) {
      sum += weights.empty() ? 1 : weights[labels[row]];
      continue;
    }
    for (std::int64_t k = 0; k < outputs; ++k) {
      sum += std::isnan(truth[row * outputs + k]) ? 0 : 1;
    }
  }
  return sum > 0 ? 1 / sum : 0;
}

void set_head_batch(core::KernelSet& kernels, const HeadTruth& truth,
                    std::span<const std::size_t> members, HeadBatch& batch) {
  const auto rows = static_cast<std::int64_t>(members.size());
  if (!truth.weights.empty()) {
    core::set_or_make(kernels, {truth.outputs}, std::span<const double>(truth.weights),
                      batch.weights);
  }
  if (truth.task == HeadTask::classification) {
    std::vector<std::int32_t> classes;
    for (const std::size_t row : members) classes.push_back(truth.labels[row]);
    core::set_or_make(kernels, {rows}, std::span<const std::int32_t>(classes), batch.classes);
    return;
  }
  std::vector<float> values;
  for (const std::size_t row : members) {
    const auto begin = truth.truth.begin() + static_cast<std::int64_t>(row) * truth.outputs;
    values.insert(values.end(), begin, begin + truth.outputs);
  }
  core::set_or_make(kernels, {rows, truth.outputs}, std::span<const float>(values), batch.values);
}

HeadLoss head_loss(const Tensor& output, HeadTask task, const HeadBatch& batch,
                   const std::optional<kernels::LossScale>& scale) {
  HeadLoss result;
  if (task == HeadTask::classification) {
    Tensor log_sum_exp;  // (B)
    result.sum =
        ops::sum(ops::cross_entropy_forward(output, batch.classes, batch.weights, &log_sum_exp));
    if (scale) {
      result.doutput =
          ops::cross_entropy_backward(output, batch.classes, batch.weights, log_sum_exp, *scale);
    }
    return result;
  }
  const bool is_label = task == HeadTask::multi_label;
  result.sum =
      ops::sum(is_label ? ops::binary_cross_entropy_forward(output, batch.values, batch.weights)
                        : ops::squared_error_forward(output, batch.values, batch.weights));
  if (scale) {
    result.doutput =
        is_label ? ops::binary_cross_entropy_backward(output, batch.values, batch.weights, *scale)
                 : ops::squared_error_backward(output, batch.values, batch.weights, *scale);
  }
  return result;
}

std::vector<double> head_outputs(const model::Model& model, const TokenRows& rows) {
  const auto n_targets = model.config().targets.size();
  const std::int64_t block_size = model.config().block_size;
  std::vector<double> outputs(rows.inputs.size() * n_targets);  // (R,K)
  for (const std::vector<std::size_t>& members : plan_evaluation(rows, block_size)) {
    const Tensor hidden =
        model.encode(make_batch(model.kernels(), rows, members, block_size));  // (B,T,C)
    const std::vector<double> output = model.head_output(hidden).to_doubles();
    for (std::size_t b = 0; b < members.size(); ++b) {
      std::copy_n(output.begin() + static_cast<std::ptrdiff_t>(b * n_targets), n_targets,
                  outputs.begin() + static_cast<std::ptrdiff_t>(members[b] * n_targets));
    }
  }
  return outputs;
}

}  // namespace dnabird::train
