// What is timed of a whole model: a forward pass of the encoder, a step of training.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/replays.h"
#include "model/model.h"
#include "train/loss_passes.h"
#include "train/optimizer.h"

namespace dnabird::benchmarks {

using Sequences = std::vector<std::vector<std::int32_t>>;

/// `batch` sequences of `tokens` random ids, none of them special; the same for the same seed.
Sequences random_sequences(std::int64_t batch, std::int64_t tokens, std::int64_t vocabulary);

/// What a training step minimises.
enum class Loss {
  hidden,        // mean square of the last hidden states: the encoder alone
  masked_tokens  // cross-entropy of the labelled tokens' ids
};

/// One model on one batch. The model must outlive it.
class ModelRun {
 public:
  /// Sequences of one length.
  ModelRun(model::Model& model, const Sequences& sequences);

  /// Last hidden states (B,T,C), computed to the end.
  core::Tensor forward();
  /// Logits (M,V) of the rows (M) of hidden states seen as (B*T,C).
  core::Tensor logits(const std::vector<std::int32_t>& rows);

  /// Which tokens' ids masked_tokens learns: rows (M) as above, labels (M).
  void set_labels(const std::vector<std::int32_t>& rows, const std::vector<std::int32_t>& labels);
  /// Every seventh token by its own id.
  void label_every_seventh();
  std::int64_t labelled() const { return step_rows_.rows.labelled_tokens(); }

  /// Gradients to zero, forward with dropout, backward, norm of the gradients clipped to 1, AdamW.
  /// Returns the loss before the step.
  double training_step(Loss loss);

  double forward_flops() const;
  double training_step_flops(Loss loss) const;
  std::int64_t tokens() const { return batch_.batch * batch_.tokens; }

 private:
  struct ForwardPass {
    core::Tensor hidden;  // (B,T,C)
  };
  struct EncoderPass {
    model::StepNoise noise;
    core::Tensor squares;  // (1) f64: sum over the hidden states
  };
  /// Gradients and update; both return the loss.
  double encoder_pass();
  double masked_token_pass();
  /// Of the mean square of the hidden states; `squares` (1) f64 gets their sum.
  core::Tensor hidden_gradient(const core::Tensor& hidden, core::Tensor& squares) const;
  void update();

  model::Model& model_;
  model::TokenBatch batch_;
  core::Tensor every_row_;     // (B*T) i32: 0, 1, ...
  train::StepRows step_rows_;  // the sequences, with labels
  core::Replays<ForwardPass> forward_passes_;
  core::Replays<EncoderPass> encoder_passes_;
  train::LossPasses loss_passes_;
  std::optional<train::AdamW> optimizer_;  // from the first step on
  std::int64_t step_ = 0;
};

}  // namespace dnabird::benchmarks
