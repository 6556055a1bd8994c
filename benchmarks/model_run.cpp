#include "benchmarks/model_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "benchmarks/flops.h"
#include "core/errors.h"
#include "core/rng.h"
#include "ops/losses.h"
#include "ops/rows.h"

namespace dnabird::benchmarks {

namespace {

using core::Tensor;

constexpr std::int64_t kSpecialTokens = 5;
constexpr double kLearningRate = 1e-4;

}  // namespace

Sequences random_sequences(std::int64_t batch, std::int64_t tokens, std::int64_t vocabulary) {
  core::Rng rng(1, 2);
  Sequences sequences(batch);
  for (auto& sequence : sequences) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      sequence.push_back(
          static_cast<std::int32_t>(kSpecialTokens + rng.below(vocabulary - kSpecialTokens)));
    }
  }
  return sequences;
}

ModelRun::ModelRun(model::Model& model, const Sequences& sequences)
    : model_(model),
      sequences_(sequences),
      batch_(model::make_token_batch(model.kernels(), sequences, model.config().block_size)) {
  for (const auto& sequence : sequences) {
    core::require(static_cast<std::int64_t>(sequence.size()) == batch_.tokens,
                  "ModelRun: sequences of one length are needed");
  }
  std::vector<std::int32_t> every_row(static_cast<std::size_t>(tokens()));
  std::iota(every_row.begin(), every_row.end(), 0);
  every_row_ =
      Tensor::from_host(model.kernels(), {tokens()}, std::span<const std::int32_t>(every_row));
}

Tensor ModelRun::forward() const {
  Tensor hidden = model_.encode(batch_);
  model_.kernels().synchronize();
  return hidden;
}

Tensor ModelRun::logits(const std::vector<std::int32_t>& rows) const {
  const auto n = static_cast<std::int64_t>(rows.size());
  return model_.masked_lm_logits(
      forward(), Tensor::from_host(model_.kernels(), {n}, std::span<const std::int32_t>(rows)));
}

void ModelRun::set_labels(const std::vector<std::int32_t>& rows,
                          const std::vector<std::int32_t>& labels) {
  core::require(rows.size() == labels.size() && !rows.empty(),
                "ModelRun: one label for each row is needed");
  const auto put = [&](const std::vector<std::int32_t>& values) {
    return Tensor::from_host(model_.kernels(), {static_cast<std::int64_t>(values.size())},
                             std::span<const std::int32_t>(values));
  };
  rows_ = put(rows);
  labels_ = put(labels);
}

void ModelRun::label_every_seventh() {
  std::vector<std::int32_t> rows, labels;
  for (std::int64_t row = 3; row < tokens(); row += 7) {
    rows.push_back(static_cast<std::int32_t>(row));
    labels.push_back(sequences_[row / batch_.tokens][row % batch_.tokens]);
  }
  set_labels(rows, labels);
}

double ModelRun::hidden_loss(const Tensor& hidden, Tensor& dhidden) const {
  core::KernelSet& kernels = model_.kernels();
  const core::Shape rows{tokens(), model_.config().channels};
  const Tensor zeros = Tensor::zeros(kernels, rows, kernels.parameter_dtype());
  const auto n = static_cast<double>(hidden.size());
  // Losses are computed in the type of parameters.
  const bool converts = hidden.dtype() != kernels.parameter_dtype();
  const Tensor values = converts ? ops::gather_rows(hidden, every_row_) : hidden.reshape(rows);
  const Tensor dvalues = ops::squared_error_backward(values, zeros, {}, 1 / n);
  dhidden = converts ? Tensor::zeros(kernels, hidden.shape()) : dvalues.reshape(hidden.shape());
  if (converts) ops::scatter_add_rows(dvalues, every_row_, dhidden);
  return kernels.sum_of_squares(values.size(), values.data()) / n;
}

double ModelRun::masked_token_loss(const Tensor& hidden, model::ForwardCache& cache,
                                   Tensor& dhidden) {
  const Tensor logits = model_.masked_lm_logits(hidden, rows_, &cache);
  Tensor log_sum_exp;
  const Tensor losses = ops::cross_entropy_forward(logits, labels_, {}, &log_sum_exp);
  const double scale = 1 / static_cast<double>(labelled());
  dhidden = Tensor::zeros(model_.kernels(), hidden.shape());
  model_.masked_lm_backward(ops::cross_entropy_backward(logits, labels_, {}, log_sum_exp, scale),
                            cache, dhidden);
  return scale * model_.kernels().sum(losses.size(), losses.data());
}

double ModelRun::training_step(Loss loss) {
  core::require(loss == Loss::hidden || labelled() > 0, "ModelRun: no labels");
  if (!optimizer_) optimizer_.emplace(model_.parameters(), train::AdamWOptions{});
  model_.parameters().gradients().zero();
  const model::StepNoise noise{1, static_cast<std::uint64_t>(++step_)};
  double value = 0;
  {
    model::ForwardCache cache;
    const Tensor hidden = loss == Loss::hidden
                              ? model_.encode(batch_, &cache, &noise)
                              : model_.encode_for_loss(batch_, rows_.to_ints(), cache, &noise);
    Tensor dhidden;
    value = loss == Loss::hidden ? hidden_loss(hidden, dhidden)
                                 : masked_token_loss(hidden, cache, dhidden);
    model_.encode_backward(dhidden, cache);
  }
  const double norm = train::gradient_norm(model_.parameters());
  optimizer_->update(step_, kLearningRate, std::min(1.0, 1 / norm));
  model_.kernels().synchronize();
  return value;
}

double ModelRun::forward_flops() const {
  return encoder_flops(model_.config(), batch_.batch, batch_.tokens);
}

double ModelRun::training_step_flops(Loss loss) const {
  if (loss == Loss::hidden) return training_flops(forward_flops());
  return masked_step_flops(model_.config(), batch_.batch, batch_.tokens, labelled());
}

}  // namespace dnabird::benchmarks
