#include "train/loss_passes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "ops/sums.h"

namespace dnabird::train {

using core::Tensor;

/// All that the device reads and leaves of a pass.
struct LossPasses::Inputs {
  model::TokenBatch batch;
  model::StepNoise noise;
  model::SomeRows read;           // rows of (B*T) that losses read
  LabelledTokens tokens;          // empty without labels
  std::optional<HeadBatch> head;  // where the head learns
  Tensor scales;                  // (2) f64: of the head's losses, of the tokens'
  Tensor losses;                  // (2) f64: sums of the head's, of the tokens'
};

LossPasses::LossPasses(model::Model& model, const HeadTruth* truth)
    : model_(model), truth_(truth), replays_(model.kernels()) {}

LossPasses::~LossPasses() = default;

bool LossPasses::has_loss(const StepRows& step, std::span<const std::size_t> members) const {
  return learns_head(step) || std::any_of(members.begin(), members.end(), [&](std::size_t row) {
           return count_labels(step.rows, row) > 0;
         });
}

void LossPasses::set_inputs(const Pass& pass, Inputs& inputs) const {
  core::KernelSet& kernels = model_.kernels();
  set_batch(kernels, pass.step.rows, pass.members, model_.config().block_size, inputs.batch);
  model_.check_batch(inputs.batch);
  model::set_step_noise(kernels, pass.seed, pass.noise, inputs.noise);
  const std::int64_t all = inputs.batch.batch * inputs.batch.tokens;
  std::vector<std::int32_t> read = labelled_rows(pass.step.rows, pass.members, inputs.batch.tokens);
  const auto labelled = static_cast<std::int64_t>(read.size());
  // Only a shape that comes again is worth rows that nothing is learnt from.
  const bool rounds = kernels.captures();
  set_labelled_tokens(kernels, pass.step.rows, pass.members, inputs.batch.tokens,
                      rounds ? core::rounded_for_replays(labelled) : labelled, inputs.tokens);
  if (truth_ != nullptr) {
    for (std::int64_t b = 0; b < inputs.batch.batch; ++b) {  // [CLS]
      read.push_back(static_cast<std::int32_t>(b * inputs.batch.tokens));
    }
  }
  const auto n_read = static_cast<std::int64_t>(read.size());
  model::set_some_rows(kernels, std::move(read), all,
                       rounds ? core::rounded_for_replays(n_read) : 0, inputs.read);
  if (learns_head(pass.step)) {
    std::vector<std::size_t> sources;
    for (const std::size_t row : pass.members) sources.push_back(pass.step.sources[row]);
    if (!inputs.head) inputs.head.emplace();
    set_head_batch(kernels, *truth_, sources, *inputs.head);
  }
  if (inputs.scales.is_empty()) {
    inputs.scales = Tensor::empty(kernels, {2}, core::DType::f64);
    inputs.losses = Tensor::zeros(kernels, {2}, core::DType::f64);
  }
  inputs.scales.set(
      std::span<const double>(std::array{pass.step.head_scale, pass.step.token_scale}));
}

void LossPasses::run(Inputs& inputs, const model::GradientsReady& ready) const {
  const auto scale = [&](std::int64_t i) {
    return kernels::LossScale(1, static_cast<const double*>(inputs.scales.view(i, {1}).data()));
  };
  model::ForwardCache cache;
  const Tensor hidden =
      model_.encode_for_loss(inputs.batch, inputs.read, cache, &inputs.noise);  // (B,T,C)
  Tensor dhidden = Tensor::zeros(model_.kernels(), hidden.shape());
  if (inputs.head) {
    const HeadLoss loss = head_loss(model_.head_output(hidden, &cache, &inputs.noise), truth_->task,
                                    *inputs.head, scale(0));
    inputs.losses.view(0, {1}).copy_from(loss.sum);
    model_.head_backward(loss.doutput, cache, dhidden);
  }
  if (!inputs.tokens.labels.is_empty()) {
    const TokenLoss loss = masked_token_loss(model_, hidden, inputs.tokens, &cache);
    inputs.losses.view(1, {1}).copy_from(ops::sum(loss.losses));
    masked_token_backward(model_, loss, inputs.tokens.labels, scale(1), cache, dhidden);
  }
  model_.encode_backward(dhidden, cache, ready);
}

std::vector<std::int64_t> LossPasses::shape_of(const Pass& pass) const {
  std::int64_t tokens = 0, labelled = 0;
  for (const std::size_t row : pass.members) {
    tokens = std::max(tokens, static_cast<std::int64_t>(pass.step.rows.inputs[row].size()));
    labelled += count_labels(pass.step.rows, row);
  }
  const auto batch = static_cast<std::int64_t>(pass.members.size());
  return {batch, tokens, core::rounded_for_replays(labelled),
          core::rounded_for_replays(labelled + batch), learns_head(pass.step)};
}

bool LossPasses::learns_head(const StepRows& step) const {
  return truth_ != nullptr && step.head_scale != 0;
}

void LossPasses::keep_losses(const Inputs& inputs) {
  // The next pass may write to the same.
  losses_.push_back(Tensor::empty(model_.kernels(), {2}, core::DType::f64));
  losses_.back().copy_from(inputs.losses);
}

void LossPasses::add(const Pass& pass) {
  core::require(has_loss(pass.step, pass.members), "a pass without a loss");
  if (pass.ready) {
    Inputs inputs;
    set_inputs(pass, inputs);
    run(inputs, pass.ready);
    keep_losses(inputs);
    return;
  }
  replays_.run(
      shape_of(pass), [&](Inputs& inputs) { set_inputs(pass, inputs); },
      [&](Inputs& inputs) { run(inputs, {}); }, [&](Inputs& inputs) { keep_losses(inputs); });
}

bool LossPasses::give_up_captures() { return replays_.give_up(); }

std::vector<LossSums> LossPasses::take_losses() {
  std::vector<LossSums> sums;
  for (const Tensor& losses : losses_) {
    const std::vector<double> values = losses.to_doubles();
    sums.push_back({values[0], values[1]});
  }
  losses_.clear();
  return sums;
}

}  // namespace dnabird::train
