// What pretraining and fine-tuning share: a step's sequences under the losses of the model's heads.
#pragma once

#include <cstdint>
#include <optional>

#include "train/loss_passes.h"
#include "train/trainer.h"

namespace dnabird::train {

struct StepOptions {
  std::int64_t batch_size = 32;  // sequences in one forward and backward pass
  std::int64_t accumulate = 1;   // such passes in one step
  std::uint64_t seed = 1;
};

/// Draws the next step's sequences while the device is at work on this one's.
class LossTask : public TrainingTask {
 public:
  void accumulate(std::int64_t step) final;
  StepLoss loss() final;
  nlohmann::json place() const final;
  void seek(const nlohmann::json& place) final;

 protected:
  /// The model must outlive the task.
  LossTask(model::Model& model, const StepOptions& options) : model_(model), options_(options) {}

  model::Model& model() const { return model_; }
  const StepOptions& step_options() const { return options_; }
  std::int64_t sequences_of_step() const { return options_.batch_size * options_.accumulate; }

 private:
  /// The next sequences, and the place behind them.
  virtual StepRows draw(std::int64_t step) = 0;
  virtual nlohmann::json place_of_draws() const = 0;
  virtual void seek_draws(const nlohmann::json& place) = 0;
  /// Of the head, if it learns.
  virtual const HeadTruth* truth() const = 0;
  /// From the sums over the step.
  virtual StepLoss loss_of(const StepRows& step, const LossSums& sums) const = 0;

  struct Drawn {
    std::int64_t step;
    StepRows rows;
    nlohmann::json place;  // behind them
  };
  Drawn draw_step(std::int64_t step);

  model::Model& model_;
  StepOptions options_;
  std::optional<LossPasses> passes_;  // from the first step on
  std::optional<Drawn> now_, ahead_;  // the step that is computed, and the one behind it
};

}  // namespace dnabird::train
