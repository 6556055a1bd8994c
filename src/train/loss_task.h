// What pretraining and fine-tuning share: a step's sequences under the losses of the model's heads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "train/loss_passes.h"
#include "train/replicas.h"
#include "train/trainer.h"

namespace dnabird::train {

struct StepOptions {
  /// Sequences in one forward and backward pass on one device. 0: a step has as many as for
  /// kDefaultBatch, in passes of as many as are quick and the device's memory holds.
  std::int64_t batch_size = 0;
  std::int64_t accumulate = 1;  // such passes in one step
  std::uint64_t seed = 1;

  static constexpr std::int64_t kDefaultBatch = 32;
  std::int64_t sequences() const {
    return (batch_size == 0 ? kDefaultBatch : batch_size) * accumulate;
  }
};

/// The passes of a step are dealt out to the replicas in turn. The next step's sequences are drawn
/// while the devices are at work on this one's.
class LossTask : public TrainingTask {
 public:
  /// Throws kernels::OutOfMemory if a pass does not fit.
  void accumulate(std::int64_t step) final;
  StepLoss loss() final;
  nlohmann::json place() const final;
  void seek(const nlohmann::json& place) final;

 protected:
  /// The replicas must outlive the task.
  LossTask(Replicas& replicas, const StepOptions& options)
      : replicas_(replicas), options_(options) {}

  model::Model& model() const { return replicas_.model(0); }
  const StepOptions& step_options() const { return options_; }

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
  std::int64_t quick_pass(const TokenRows& rows) const;
  void run_passes(const Drawn& drawn);
  bool give_up_captures();

  Replicas& replicas_;
  StepOptions options_;
  std::int64_t at_once_ = 0;                         // sequences in a pass; 0: not yet known
  std::vector<std::unique_ptr<LossPasses>> passes_;  // by replica, from the first step on
  std::size_t n_passes_ = 0;                         // of this step
  std::optional<Drawn> now_, ahead_;  // the step that is computed, and the one behind it
};

}  // namespace dnabird::train
