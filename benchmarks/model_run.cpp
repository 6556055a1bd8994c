#include "benchmarks/model_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "benchmarks/flops.h"
#include "core/errors.h"
#include "core/rng.h"
#include "ops/losses.h"
#include "ops/rows.h"
#include "ops/sums.h"

namespace dnabird::benchmarks {

namespace {

using core::Tensor;

constexpr std::int64_t kSpecialTokens = 5;
constexpr double kLearningRate = 1e-4;
constexpr std::uint64_t kSeed = 1;

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
      batch_(model::make_token_batch(model.kernels(), sequences, model.config().block_size)),
      forward_passes_(model.kernels()),
      encoder_passes_(model.kernels()),
      loss_passes_(model, nullptr) {
  for (const auto& sequence : sequences) {
    core::require(static_cast<std::int64_t>(sequence.size()) == batch_.tokens,
                  "ModelRun: sequences of one length are needed");
  }
  step_rows_.rows.inputs = sequences;
  step_rows_.rows.labels.resize(sequences.size());
  std::vector<std::int32_t> every_row(static_cast<std::size_t>(tokens()));
  std::iota(every_row.begin(), every_row.end(), 0);
  every_row_ =
      Tensor::from_host(model.kernels(), {tokens()}, std::span<const std::int32_t>(every_row));
}

Tensor ModelRun::forward() {
  Tensor result;
  forward_passes_.run(
      {}, [](ForwardPass&) {},
      [&](ForwardPass& pass) { core::leave(model_.encode(batch_), pass.hidden); },
      [&](ForwardPass& pass) { result = pass.hidden; });
  model_.kernels().synchronize();
  return result;
}

Tensor ModelRun::logits(const std::vector<std::int32_t>& rows) {
  const auto n = static_cast<std::int64_t>(rows.size());
  return model_.masked_lm_logits(
      forward(), Tensor::from_host(model_.kernels(), {n}, std::span<const std::int32_t>(rows)));
}

void ModelRun::set_labels(const std::vector<std::int32_t>& rows,
                          const std::vector<std::int32_t>& labels) {
  core::require(rows.size() == labels.size() && !rows.empty(),
                "ModelRun: one label for each row is needed");
  for (auto& of_sequence : step_rows_.rows.labels) of_sequence.assign(batch_.tokens, -1);
  for (std::size_t m = 0; m < rows.size(); ++m) {
    step_rows_.rows.labels[rows[m] / batch_.tokens][rows[m] % batch_.tokens] = labels[m];
  }
  step_rows_.token_scale = 1 / static_cast<double>(labelled());
}

void ModelRun::label_every_seventh() {
  std::vector<std::int32_t> rows, labels;
  for (std::int64_t row = 3; row < tokens(); row += 7) {
    rows.push_back(static_cast<std::int32_t>(row));
    labels.push_back(step_rows_.rows.inputs[row / batch_.tokens][row % batch_.tokens]);
  }
  set_labels(rows, labels);
}

Tensor ModelRun::hidden_gradient(const Tensor& hidden, Tensor& squares) const {
  core::KernelSet& kernels = model_.kernels();
  const core::Shape rows{tokens(), model_.config().channels};
  const Tensor zeros = Tensor::zeros(kernels, rows, kernels.parameter_dtype());
  // Losses are computed in the type of parameters.
  const bool converts = hidden.dtype() != kernels.parameter_dtype();
  const Tensor values = converts ? ops::gather_rows(hidden, every_row_) : hidden.reshape(rows);
  const Tensor dvalues =
      ops::squared_error_backward(values, zeros, {}, 1 / static_cast<double>(hidden.size()));
  squares.copy_from(ops::sum_of_squares(values));
  if (!converts) return dvalues.reshape(hidden.shape());
  Tensor dhidden = Tensor::zeros(kernels, hidden.shape());
  ops::scatter_add_rows(dvalues, every_row_, dhidden);
  return dhidden;
}

double ModelRun::encoder_pass() {
  Tensor squares = Tensor::empty(model_.kernels(), {1}, core::DType::f64);
  encoder_passes_.run(
      {},
      [&](EncoderPass& pass) {
        model::set_step_noise(model_.kernels(), kSeed, static_cast<std::uint64_t>(step_),
                              pass.noise);
        if (pass.squares.is_empty()) {
          pass.squares = Tensor::empty(model_.kernels(), {1}, core::DType::f64);
        }
      },
      [&](EncoderPass& pass) {
        model::ForwardCache cache;
        const Tensor hidden = model_.encode(batch_, &cache, &pass.noise);
        model_.encode_backward(hidden_gradient(hidden, pass.squares), cache);
      },
      [&](EncoderPass& pass) { squares.copy_from(pass.squares); });
  update();
  return squares.to_doubles()[0] / static_cast<double>(tokens() * model_.config().channels);
}

double ModelRun::masked_token_pass() {
  core::require(labelled() > 0, "ModelRun: no labels");
  std::vector<std::size_t> all(step_rows_.rows.inputs.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  loss_passes_.add({step_rows_, all, kSeed, static_cast<std::uint64_t>(step_)});
  update();
  return step_rows_.token_scale * loss_passes_.take_losses()[0].tokens;
}

void ModelRun::update() {
  optimizer_->update(step_, kLearningRate, 1, ops::sum_of_squares(model_.parameters().gradients()));
}

double ModelRun::training_step(Loss loss) {
  if (!optimizer_) optimizer_.emplace(model_.parameters(), train::AdamWOptions{});
  model_.parameters().gradients().zero();
  ++step_;
  const double value = loss == Loss::hidden ? encoder_pass() : masked_token_pass();
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
