// What a head's outputs cost, in the units that it learns in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "data/labelled.h"
#include "model/model.h"
#include "train/batches.h"

namespace dnabird::train {

/// Regression targets are learnt as (value - mean) / deviation of the train set.
struct Standard {
  double mean = 0, deviation = 1;
};
/// Per target, over the rows that have it; a constant target has deviation 1. Throws DataError if
/// a target has no value at all.
std::vector<Standard> standards_of(const data::LabelledData& data);
/// The head's last layer: output k becomes factors[k] * output k + shifts[k].
void rescale_head(std::span<const double> factors, std::span<const double> shifts,
                  model::Model& model);
/// The same from outputs in standard units to outputs in units of the targets, and
/// back. `standards` (K).
void to_target_units(const std::vector<Standard>& standards, model::Model& model);
void to_standard_units(const std::vector<Standard>& standards, model::Model& model);

/// Weights that make every class count the same: rows / (K * rows of the class); for multi-label
/// the weight of positives, negatives / positives. Throws DataError if a class (or a label's
/// positives or negatives) has no row.
std::vector<double> balanced_weights(const data::LabelledData& data);

/// A set in the form that losses take, (R) rows.
struct HeadTruth {
  model::HeadTask task = model::HeadTask::classification;
  std::int64_t outputs = 0;          // K
  std::vector<std::int32_t> labels;  // (R) classification
  std::vector<float> truth;          // (R,K) others; in standard units; NaN = missing
  std::vector<double> weights;       // (K) or empty: of classes, or of positives
  /// d(total)/d(losses) of these rows counted together: 1 / (sum of the weights of their classes),
  /// or 1 / (how many values are not missing); 0 if there is nothing to learn in them.
  double scale(std::span<const std::size_t> members) const;
};
HeadTruth make_truth(const data::LabelledData& data, const std::vector<Standard>& standards,
                     std::vector<double> weights);

/// The truth of one batch.
struct HeadBatch {
  core::Tensor classes;  // (B) i32 classification
  core::Tensor values;   // (B,K) others
  core::Tensor weights;  // (K) or empty
};
/// Of the members, in the tensors of `batch` where they are of that shape.
void set_head_batch(core::KernelSet& kernels, const HeadTruth& truth,
                    std::span<const std::size_t> members, HeadBatch& batch);

struct HeadLoss {
  core::Tensor sum;      // (1) f64
  core::Tensor doutput;  // (B,K), of scale * sum; empty unless a scale was given
};
/// Loss of output (B,K) for a task; with its gradient if there is a `scale`.
HeadLoss head_loss(const core::Tensor& output, model::HeadTask task, const HeadBatch& batch,
                   const std::optional<kernels::LossScale>& scale);

/// Outputs (R,K) of the head, in the order of the rows: logits, or values.
std::vector<double> head_outputs(const model::Model& model, const TokenRows& rows);

}  // namespace dnabird::train
