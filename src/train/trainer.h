// The loop of every training: batches and losses come from a task, the rest is here: optimizer,
// schedule, clipping, evaluation, best step, early stopping, log, checkpoint.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/model.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/replicas.h"
#include "train/schedule.h"
#include "train/train_log.h"

namespace dnabird::train {

/// Four digits, for people.
std::string short_number(double value);

/// Of one step.
struct StepLoss {
  double loss = 0;  // what was minimised
  std::int64_t tokens = 0;
  std::vector<std::pair<std::string, double>> parts;  // of a loss that has several
};

/// Of the dev set.
struct Evaluation {
  double loss = 0;                 // must be finite
  double headline = 0;             // larger is better; NaN is worse than any number
  std::string summary;             // "MCC 0.8123"
  nlohmann::ordered_json metrics;  // for the log and the model's provenance
};

/// What is learnt. The replicas are those that the trainer updates.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;
  /// Draws the sequences of step 1, 2, ... and sets the gradients of each replica to those of their
  /// loss; does not wait for the devices.
  virtual void accumulate(std::int64_t step) = 0;
  /// Of the last accumulate(); waits.
  virtual StepLoss loss() = 0;
  virtual bool has_dev() const = 0;
  virtual Evaluation evaluate() = 0;
  /// The place in the data behind the last step that was accumulated, for a checkpoint.
  virtual nlohmann::json place() const = 0;
  virtual void seek(const nlohmann::json& place) = 0;
};

struct TrainerOptions {
  Schedule schedule;  // its steps are those of the run
  AdamWOptions adamw;
  double clip = 1;                    // most norm of the gradient, 0 = any
  double average = 0;                 // decay of the averaged weights, 0 = no average
  std::int64_t eval_every = 500;      // steps; the last step is always evaluated
  std::int64_t checkpoint_every = 0;  // steps; 0 = as eval_every; the last step always
  int patience = 0;                   // evaluations without a better one that end the run, 0 = none
  std::string folder;                 // where log and checkpoint lie
};

struct BestStep {
  std::int64_t step = 0;
  double headline = 0;
  nlohmann::ordered_json metrics;
};

class Trainer {
 public:
  /// `identity` is kept in the checkpoints as it is.
  Trainer(Replicas& replicas, TrainingTask& task, TrainerOptions options, nlohmann::json identity);

  static std::string checkpoint_path(const std::string& folder);
  static std::string log_path(const std::string& folder);

  /// Goes on where a checkpoint stands. Throws DataError if it does not fit.
  void resume(Checkpoint checkpoint);
  /// To the last step, or until patience ends; leaves the best weights in the model (the last ones
  /// without a dev set). Throws DataError with step and checkpoint when a loss is not finite.
  void run();

  std::int64_t step() const { return step_; }
  const std::optional<BestStep>& best() const { return best_; }

 private:
  bool finished() const;
  double seconds() const;  // of the whole run
  void train_step();
  void evaluate();
  void save_checkpoint();
  std::vector<float> weights_to_keep() const;
  void set_weights(const std::vector<float>& values);
  [[noreturn]] void stop_not_finite(const std::string& what, double value) const;

  Replicas& replicas_;
  model::Model& model_;  // the first of them, which is evaluated and kept
  TrainingTask& task_;
  TrainerOptions options_;
  nlohmann::json identity_;
  std::vector<std::unique_ptr<AdamW>> optimizers_;  // by replica
  std::optional<WeightAverage> average_;
  std::optional<TrainLog> log_;

  std::int64_t step_ = 0, checkpoint_step_ = 0;
  double seconds_before_ = 0, started_ = 0;  // of the runs that this one goes on; now
  std::int64_t log_bytes_ = 0;               // to begin with
  int without_gain_ = 0;
  std::optional<BestStep> best_;
  std::vector<float> best_weights_;
  std::string note_;  // of the last evaluation, for the progress bar
};

}  // namespace dnabird::train
