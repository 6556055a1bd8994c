// What pretrain and finetune share: options of the run, its folder, resume, provenance.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "io/tokenizer_files.h"
#include "model/model.h"
#include "pipelines/cli.h"
#include "seq/masking.h"
#include "seq/tokenizer.h"
#include "train/loss_task.h"
#include "train/replicas.h"
#include "train/trainer.h"

namespace dnabird::pipelines {

struct TrainingOptions {
  CommonOptions common;
  std::string architecture;  // in place of common.model
  std::int64_t steps = 0;
  std::int64_t accumulate = 1;
  double lr = 0;
  std::int64_t warmup = -1;  // steps; -1 = a twentieth of the run
  std::string schedule = "linear";
  double weight_decay = 0.01, clip = 1, average = 0, dropout = -1;
  std::int64_t eval_every = 0, checkpoint_every = 0;
  int patience = 0;
  seq::MaskingOptions masking;
  bool resume = false;

  train::StepOptions step_options() const { return {common.batch_size, accumulate, common.seed}; }
};

/// What a run trains on: the first device also evaluates.
using TrainingDevices = std::vector<std::unique_ptr<core::KernelSet>>;
std::vector<core::KernelSet*> other_devices(const TrainingDevices& devices);

/// Declares --model and --architecture, then all the others.
void add_base_options(OptionParser& parser, TrainingOptions* options);
void add_training_options(OptionParser& parser, TrainingOptions* options);
/// Both throw UsageError that names the option with a value that makes no sense; the second one
/// looks at those that may have to be counted from the data first.
void check_training_options(const TrainingOptions& options);

void check_steps(const TrainingOptions& options);

/// A run's folder and what its checkpoints must know to be resumed by the same run only.
class TrainingRun {
 public:
  /// Throws UsageError if the folder holds a checkpoint that is not to be resumed, DataError if
  /// there is none to resume or the folder cannot be made.
  TrainingRun(const TrainingOptions& options, const TrainingDevices& devices);

  /// Throws UsageError if the run would write over what it begins with.
  void refuse_folder(const std::string& path) const;
  /// An option beside those of TrainingOptions that a resumed run must repeat.
  void set_option(const std::string& name, nlohmann::json value);
  /// Files behind an option; a resumed run must be given the same bytes. Also part of provenance.
  void set_files(const std::string& option, const std::vector<std::string>& paths);
  /// Further provenance.
  void set_provenance(const std::string& key, nlohmann::json value);

  /// Makes the folder, trains, writes the model into it. `finish` is called when the model has the
  /// best weights, before it is written; it may change them and what provenance says of them.
  void train(train::Replicas& replicas, train::TrainingTask& task,
             const io::TokenizerFiles& tokenizer,
             const std::function<void(nlohmann::json&)>& finish = {});

 private:
  train::TrainerOptions trainer_options() const;
  void check_same_options(const nlohmann::json& before) const;

  const TrainingOptions& options_;
  std::string folder_;
  nlohmann::json given_ = nlohmann::json::object();  // by option
  nlohmann::json provenance_ = nlohmann::json::object();
};

/// What training begins from: a model, or an architecture whose weights are to be drawn.
struct BaseModel {
  std::unique_ptr<model::Model> model;  // null: a new one
  model::ModelConfig config;
  std::unique_ptr<seq::Tokenizer> tokenizer;
  io::TokenizerFiles tokenizer_files;  // for the model that is written
};

/// Opens --model, or reads --architecture (a file like config.json), of which one is given, and
/// tells the run.
BaseModel open_base(const TrainingOptions& options, core::KernelSet& kernels, TrainingRun& run);
/// The base's weights (what it lacks is drawn), or all of them drawn.
void set_weights(const BaseModel& base, std::uint64_t seed, model::Model& model);

/// "1,2.5" to numbers. Throws UsageError that names the option.
std::vector<double> parse_numbers(const std::string& option, const std::string& text);

}  // namespace dnabird::pipelines
