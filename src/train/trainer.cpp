#include "train/trainer.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <span>

#include "core/errors.h"
#include "core/log.h"
#include "ops/sums.h"

namespace dnabird::train {

using core::DataError;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr int kCheckpointFormat = 1;

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

Trainer::Trainer(Replicas& replicas, TrainingTask& task, TrainerOptions options, json identity)
    : replicas_(replicas),
      model_(replicas.model(0)),
      task_(task),
      options_(std::move(options)),
      identity_(std::move(identity)) {
  for (std::size_t r = 0; r < replicas.count(); ++r) {
    optimizers_.push_back(std::make_unique<AdamW>(replicas.model(r).parameters(), options_.adamw));
  }
  core::require(options_.eval_every > 0 && options_.schedule.steps > 0, "a run without steps");
  if (options_.checkpoint_every == 0) options_.checkpoint_every = options_.eval_every;
  if (options_.average > 0) average_.emplace(options_.average, model_.parameters().values());
}

std::string Trainer::checkpoint_path(const std::string& folder) {
  return folder + "/checkpoint.safetensors";
}

std::string Trainer::log_path(const std::string& folder) { return folder + "/train_log.jsonl"; }

void Trainer::set_weights(const std::vector<float>& values) {
  model_.parameters().values().set(std::span<const float>(values));
}

std::vector<float> Trainer::weights_to_keep() const {
  return average_ ? average_->values() : model_.parameters().values().to_floats();
}

void Trainer::resume(Checkpoint checkpoint) {
  try {
    const json& state = checkpoint.state;
    step_ = checkpoint_step_ = state.at("step").get<std::int64_t>();
    log_bytes_ = state.at("log_bytes").get<std::int64_t>();
    without_gain_ = state.at("without_gain").get<int>();
    seconds_before_ = state.at("seconds").get<double>();
    if (const json& best = state.at("best"); !best.is_null()) {
      // An undefined headline (NaN) is null in JSON.
      best_ = BestStep{best.at("step").get<std::int64_t>(),
                       best.at("headline").is_null() ? NAN : best.at("headline").get<double>(),
                       ordered_json::parse(best.at("metrics").get<std::string>())};
    }
    task_.seek(state.at("place"));
  } catch (const json::exception& problem) {
    throw DataError("'" + checkpoint_path(options_.folder) +
                    "' is not a checkpoint of this version: " + problem.what());
  }
  set_weights(checkpoint.parameters);
  for (const auto& optimizer : optimizers_) {
    optimizer->first_moment().set(std::span<const float>(checkpoint.first_moment));
    optimizer->second_moment().set(std::span<const float>(checkpoint.second_moment));
  }
  if (average_) {
    core::require(!checkpoint.average.empty(), "a checkpoint without averaged weights");
    average_->restore(std::move(checkpoint.average));
  }
  best_weights_ = std::move(checkpoint.best);
}

void Trainer::save_checkpoint() {
  const model::Parameters& parameters = model_.parameters();
  const double squares = ops::sum_of_squares(parameters.values()).to_doubles()[0];
  if (!std::isfinite(squares)) stop_not_finite("norm of the weights", squares);
  log_->sync();
  Checkpoint checkpoint;
  checkpoint.state = {{"format", kCheckpointFormat}, {"step", step_},
                      {"log_bytes", log_->bytes()},  {"without_gain", without_gain_},
                      {"seconds", seconds()},        {"best", nullptr},
                      {"place", task_.place()},      {"identity", identity_}};
  if (best_) {
    // As text: the order of the metrics is part of what the model's folder says.
    checkpoint.state["best"] = {
        {"step", best_->step}, {"headline", best_->headline}, {"metrics", best_->metrics.dump()}};
  }
  checkpoint.parameters = parameters.values().to_floats();
  checkpoint.first_moment = optimizers_[0]->first_moment().to_floats();
  checkpoint.second_moment = optimizers_[0]->second_moment().to_floats();
  if (average_) checkpoint.average = average_->values();
  checkpoint.best = best_weights_;
  write_checkpoint(checkpoint_path(options_.folder), checkpoint);
  checkpoint_step_ = step_;
}

double Trainer::seconds() const { return seconds_before_ + seconds_now() - started_; }

bool Trainer::finished() const {
  return step_ >= options_.schedule.steps ||
         (options_.patience > 0 && without_gain_ >= options_.patience);
}

void Trainer::stop_not_finite(const std::string& what, double value) const {
  throw DataError("step " + std::to_string(step_) + ": the " + what + " is " +
                  (std::isnan(value) ? "nan" : "infinite") +
                  "; training stopped, the last good checkpoint is '" +
                  checkpoint_path(options_.folder) + "' of step " +
                  std::to_string(checkpoint_step_) + "; try a lower --lr or a longer --warmup");
}

void Trainer::train_step() {
  const double begin = seconds_now();
  ++step_;
  task_.accumulate(step_);
  const double lr = options_.schedule.learning_rate(step_);
  std::vector<core::Tensor> squares(replicas_.count());
  replicas_.each([&](std::size_t r, model::Model& model) {
    squares[r] = ops::sum_of_squares(model.parameters().gradients());
    optimizers_[r]->update(step_, lr, options_.clip, squares[r]);
  });
  // From here on the device is waited for.
  const StepLoss result = task_.loss();
  if (!std::isfinite(result.loss)) stop_not_finite("loss", result.loss);
  const double norm = std::sqrt(squares[0].to_doubles()[0]);
  if (!std::isfinite(norm)) stop_not_finite("norm of the gradient", norm);
  if (average_) average_->update(step_, model_.parameters().values());

  ordered_json line{{"step", step_}, {"loss", result.loss}};
  for (const auto& [name, value] : result.parts) line[name] = value;
  line["lr"] = lr;
  line["gradient_norm"] = norm;
  line["tokens"] = result.tokens;
  const double seconds = seconds_now() - begin;
  line["tokens_per_second"] = std::round(static_cast<double>(result.tokens) / seconds);
  log_->append(line);
  note_ = "loss " + short_number(result.loss);
}

void Trainer::evaluate() {
  const double begin = seconds_now();
  std::vector<float> weights = weights_to_keep();
  core::Tensor& values = model_.parameters().values();
  std::vector<float> trained;
  if (average_) {
    trained = values.to_floats();
    set_weights(weights);
  }
  const Evaluation evaluation = task_.evaluate();
  if (average_) set_weights(trained);
  if (!std::isfinite(evaluation.loss)) stop_not_finite("loss on the dev set", evaluation.loss);

  const bool better = !best_ || evaluation.headline > best_->headline ||
                      (std::isnan(best_->headline) && !std::isnan(evaluation.headline));
  if (better) {
    best_ = BestStep{step_, evaluation.headline, evaluation.metrics};
    best_weights_ = std::move(weights);
    without_gain_ = 0;
  } else {
    ++without_gain_;
  }
  log_->append({{"step", step_},
                {"dev", evaluation.metrics},
                {"best_step", best_->step},
                {"seconds", std::round(10 * (seconds_now() - begin)) / 10}});
  core::log_info("step " + std::to_string(step_) + ": " + note_ + ", dev " + evaluation.summary +
                 (better ? ", the best so far" : ""));
}

void Trainer::run() {
  started_ = seconds_now();
  replicas_.copy_weights();
  log_.emplace(log_path(options_.folder), log_bytes_);
  if (step_ == 0) save_checkpoint();  // so that a run killed at any moment can be resumed
  core::Progress progress("training", "steps", options_.schedule.steps);
  while (!finished()) {
    train_step();
    const bool last = step_ == options_.schedule.steps;
    if (task_.has_dev() && (last || step_ % options_.eval_every == 0)) evaluate();
    if (finished() || step_ % options_.checkpoint_every == 0) save_checkpoint();
    progress.update(step_, note_);
  }
  log_->append({{"finished", step_},
                {"best_step", best_ ? ordered_json(best_->step) : ordered_json()},
                {"hours", std::round(seconds() / 3.6) / 1000}});
  if (best_) {
    set_weights(best_weights_);
  } else if (average_) {
    set_weights(average_->values());
  }
}

}  // namespace dnabird::train
