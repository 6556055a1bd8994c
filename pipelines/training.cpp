#include "pipelines/training.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <optional>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/file_error.h"
#include "io/model_folder.h"
#include "io/sha256.h"
#include "pipelines/model_files.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::pipelines {

using core::DataError;
using core::UsageError;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

train::LrDecay decay_from(const std::string& name) {
  if (name == "linear") return train::LrDecay::linear;
  if (name == "cosine") return train::LrDecay::cosine;
  if (name == "constant") return train::LrDecay::constant;
  throw UsageError("--schedule: '" + name + "' is none of linear, cosine, constant");
}

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) io::throw_file_error("make folder", folder, error.value());
}

/// Before hours of work: the folder, or the nearest one above it, can be written to.
void check_can_make(const std::string& folder) {
  std::error_code ignored;
  fs::path above = fs::absolute(folder);
  while (!fs::exists(above, ignored) && above.has_relative_path()) above = above.parent_path();
  const int problem = !fs::is_directory(above, ignored)         ? ENOTDIR
                      : access(above.c_str(), W_OK | X_OK) != 0 ? errno
                                                                : 0;
  if (problem != 0) io::throw_file_error("make folder", folder, problem);
}

void expect(bool condition, const std::string& option, const std::string& expected) {
  if (!condition) throw UsageError("--" + option + ": expected " + expected);
}

/// Throws DataError that names the batch if the device's memory does not hold it.
void run_steps(train::Trainer& trainer, std::int64_t batch_size) {
  try {
    trainer.run();
  } catch (const kernels::OutOfMemory& error) {
    if (batch_size == 0) {  // as many as fit: not even one does
      throw DataError(std::string("a batch of one sequence does not fit: ") + error.what() +
                      "; take shorter windows, --precision bf16 or a smaller model");
    }
    throw DataError("a batch of " + core::with_commas(batch_size) +
                    " sequences does not fit: " + error.what() +
                    "; take a smaller --batch-size and as much more --accumulate, "
                    "or --batch-size 0 for as many as fit");
  }
}

/// "cuda:0,cuda:1"
std::string names_of(const TrainingDevices& devices) {
  std::string names;
  for (const auto& kernels : devices) names += (names.empty() ? "" : ",") + kernels->name();
  return names;
}

}  // namespace

std::vector<core::KernelSet*> other_devices(const TrainingDevices& devices) {
  std::vector<core::KernelSet*> others;
  for (std::size_t i = 1; i < devices.size(); ++i) others.push_back(devices[i].get());
  return others;
}

void add_base_options(OptionParser& parser, TrainingOptions* o) {
  parser.add("model,m", &o->common.model, "model to begin with: a folder or a shipped name");
  parser.add("random-blocks", &o->common.random_blocks,
             "random blocks of the attention in place of the model's own: hf_eval, hf_train or "
             "uniform");
  parser.add("architecture", &o->architecture, "instead: JSON like a config.json, for a new model");
}

void add_training_options(OptionParser& parser, TrainingOptions* o) {
  parser.add("accumulate", &o->accumulate, "batches in one step");
  parser.add("lr", &o->lr, "highest learning rate");
  parser.add("warmup", &o->warmup, "steps of linear rise; -1 = a twentieth of the run");
  parser.add("schedule", &o->schedule, "decay behind it: linear, cosine (to 0) or constant");
  parser.add("weight-decay", &o->weight_decay, "of matrices and embeddings");
  parser.add("clip", &o->clip, "most norm of the gradient; 0 = any");
  parser.add("dropout", &o->dropout, "-1 = as the model has it");
  parser.add("average", &o->average,
             "decay of a moving average of the weights, which is evaluated and kept in their "
             "place; 0 = none");
  parser.add("mask-fraction", &o->masking.fraction, "share of the tokens to hide");
  parser.add("mask-least", &o->masking.min_hidden_bases, "fewest bases that a span hides");
  parser.add("mask-most", &o->masking.max_hidden_bases, "most bases that a span hides");
  parser.add("patience", &o->patience,
             "end after so many evaluations without a better one; 0 = never");
  parser.add("checkpoint-every", &o->checkpoint_every, "steps; 0 = at each evaluation");
  parser.add_flag("resume", &o->resume, "go on from the checkpoint in DIR");
  o->common.output.clear();
  parser.add("output,o", &o->common.output,
             "DIR: the folder for the model, made if it is not there");
  parser.add_common(&o->common, OptionParser::kDevices | OptionParser::kSeed);
}

void check_training_options(const TrainingOptions& o) {
  if (o.common.output.empty() || o.common.output == "-") {
    throw UsageError("missing option --output (-o): the folder for the model");
  }
  if (o.common.model.empty() == o.architecture.empty()) {
    throw UsageError("expected one of -m/--model and --architecture");
  }
  if (o.common.model.empty() && !o.common.random_blocks.empty()) {
    throw UsageError("--random-blocks needs -m/--model; of a new model they stand in its JSON");
  }
  expect(o.accumulate >= 1, "accumulate", "at least 1");
  expect(o.lr > 0, "lr", "a number above 0");
  expect(o.warmup >= -1, "warmup", "at least 0, or -1");
  expect(o.weight_decay >= 0, "weight-decay", "at least 0");
  expect(o.clip >= 0, "clip", "at least 0");
  expect(o.dropout == -1 || (o.dropout >= 0 && o.dropout < 1), "dropout",
         "at least 0 and below 1, or -1");
  expect(o.average >= 0 && o.average < 1, "average", "at least 0 and below 1");
  expect(o.masking.fraction > 0 && o.masking.fraction < 1, "mask-fraction", "between 0 and 1");
  expect(o.masking.min_hidden_bases >= 1, "mask-least", "at least 1");
  expect(o.masking.max_hidden_bases >= o.masking.min_hidden_bases, "mask-most",
         "at least --mask-least");
  expect(o.checkpoint_every >= 0, "checkpoint-every", "at least 1, or 0");
  expect(o.patience >= 0, "patience", "at least 0");
  decay_from(o.schedule);
}

void check_steps(const TrainingOptions& o) {
  expect(o.steps >= 1, "steps", "at least 1");
  expect(o.eval_every >= 1, "eval-every", "at least 1");
  expect(o.warmup <= o.steps, "warmup",
         "at most the " + std::to_string(o.steps) + " steps of the run");
}

TrainingRun::TrainingRun(const TrainingOptions& options, const TrainingDevices& devices)
    : options_(options), folder_(options.common.output) {
  while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
  const std::string path = train::Trainer::checkpoint_path(folder_);
  std::error_code ignored;
  if (options.resume && !fs::exists(path, ignored)) {
    throw DataError("there is no checkpoint '" + path +
                    "' to resume; without --resume a new run begins");
  }
  if (!options.resume && fs::exists(path, ignored)) {
    throw UsageError("'" + path +
                     "' is the checkpoint of another run; add --resume to go on with "
                     "it, or remove it to begin anew");
  }
  check_can_make(folder_);
  given_ = {{"steps", options.steps},
            {"batch-size", options.common.batch_size},
            {"accumulate", options.accumulate},
            {"lr", options.lr},
            {"warmup", options.warmup},
            {"schedule", options.schedule},
            {"weight-decay", options.weight_decay},
            {"clip", options.clip},
            {"average", options.average},
            {"dropout", options.dropout},
            {"eval-every", options.eval_every},
            {"checkpoint-every", options.checkpoint_every},
            {"patience", options.patience},
            {"mask-fraction", options.masking.fraction},
            {"mask-least", options.masking.min_hidden_bases},
            {"mask-most", options.masking.max_hidden_bases},
            {"seed", options.common.seed},
            {"device", names_of(devices)}};
  provenance_ = {{"version", kVersion},
                 {"command", command_line()},
                 {"seed", options.common.seed},
                 {"data", json::array()}};
}

void TrainingRun::refuse_folder(const std::string& path) const {
  std::error_code ignored;
  if (!fs::equivalent(folder_, path, ignored)) return;
  throw UsageError("-o/--output: '" + folder_ +
                   "' is the model to begin with; name another folder");
}

void TrainingRun::set_option(const std::string& name, json value) {
  given_[name] = std::move(value);
}

void TrainingRun::set_files(const std::string& option, const std::vector<std::string>& paths) {
  json digests = json::array();
  for (const std::string& path : paths) {
    if (path == "-") {
      throw UsageError((option == "SEQUENCES" ? option : "--" + option) +
                       ": training reads files, which --resume finds again; not standard input");
    }
    digests.push_back(io::sha256_of_file(path));
    provenance_["data"].push_back({{"use", option}, {"path", path}, {"sha256", digests.back()}});
  }
  given_[option] = std::move(digests);
}

void TrainingRun::set_provenance(const std::string& key, json value) {
  provenance_[key] = std::move(value);
}

void TrainingRun::check_same_options(const json& before) const {
  for (const auto& [name, value] : given_.items()) {
    const json former = before.value(name, json());
    if (former == value) continue;
    if (value.is_array()) {
      throw UsageError("--" + name + ": not the files that the checkpoint was made with");
    }
    throw UsageError("--" + name + ": " + value.dump() + ", but the checkpoint was made with " +
                     former.dump() + "; resume with the same options");
  }
}

train::TrainerOptions TrainingRun::trainer_options() const {
  train::TrainerOptions trainer;
  const std::int64_t warmup = options_.warmup < 0 ? options_.steps / 20 : options_.warmup;
  trainer.schedule = {options_.lr, warmup, options_.steps, decay_from(options_.schedule)};
  trainer.adamw.weight_decay = options_.weight_decay;
  trainer.clip = options_.clip;
  trainer.average = options_.average;
  trainer.eval_every = options_.eval_every;
  trainer.checkpoint_every = options_.checkpoint_every;
  trainer.patience = options_.patience;
  trainer.folder = folder_;
  return trainer;
}

void TrainingRun::train(train::Replicas& replicas, train::TrainingTask& task,
                        const io::TokenizerFiles& tokenizer,
                        const std::function<void(json&)>& finish) {
  model::Model& model = replicas.model(0);
  std::optional<train::Checkpoint> checkpoint;
  if (options_.resume) {
    checkpoint =
        train::read_checkpoint(train::Trainer::checkpoint_path(folder_), model.parameters().size());
    const json identity = checkpoint->state.value("identity", json::object());
    check_same_options(identity.value("options", json::object()));
    // The model says who began it: the same bytes as without an interruption.
    provenance_ = identity.value("provenance", provenance_);
  }
  std::error_code ignored;
  const bool is_new = !fs::exists(folder_, ignored);
  make_folder(folder_);
  train::Trainer trainer(replicas, task, trainer_options(),
                         {{"options", given_}, {"provenance", provenance_}});
  if (checkpoint) trainer.resume(std::move(*checkpoint));
  core::log_info(
      (options_.resume ? "resuming behind step " + std::to_string(trainer.step()) : "training") +
      ": " + core::with_commas(model.parameters().size()) + " parameters, " +
      core::with_commas(options_.steps) + " steps of " +
      core::with_commas(options_.step_options().sequences()) + " sequences");
  try {
    run_steps(trainer, options_.common.batch_size);
  } catch (...) {
    // A disk that was full from the start: nothing is there that could be resumed.
    const bool resumable = fs::exists(train::Trainer::checkpoint_path(folder_), ignored);
    if (is_new && !resumable) fs::remove_all(folder_, ignored);
    throw;
  }
  model::ModelConfig config = model.config();
  config.provenance = provenance_;
  config.provenance["steps"] = trainer.step();
  if (trainer.best()) {
    config.provenance["best_step"] = trainer.best()->step;
    config.provenance["metrics"] = trainer.best()->metrics;
  }
  if (finish) finish(config.provenance);
  model::Model finished(model.kernels(), std::move(config));
  finished.parameters().values().copy_from(model.parameters().values());
  save_model(finished, tokenizer, folder_);
  core::log_info("wrote model '" + folder_ + "'" +
                 (trainer.best() ? " of step " + std::to_string(trainer.best()->step) : ""));
}

namespace {

/// Of a new model: a file like config.json.
model::ModelConfig read_architecture(const std::string& path) {
  try {
    return model::config_from_json(io::read_json(path));
  } catch (const DataError& problem) {
    const std::string what = problem.what();
    throw DataError(what.find(path) == std::string::npos ? "'" + path + "': " + what : what);
  }
}

}  // namespace

BaseModel open_base(const TrainingOptions& options, core::KernelSet& kernels, TrainingRun& run) {
  BaseModel base;
  if (!options.architecture.empty()) {
    base.config = read_architecture(options.architecture);
    run.set_files("architecture", {options.architecture});
    auto kmers = std::make_unique<seq::KmerTokenizer>(base.config.k, base.config.stride);
    base.tokenizer_files.vocabulary = kmers->vocabulary();
    base.tokenizer = std::move(kmers);
    return base;
  }
  LoadedModel loaded = load_model(kernels, options.common.model, options.common.random_blocks);
  run.refuse_folder(loaded.path);
  run.set_option("model", loaded.sha256);
  if (!options.common.random_blocks.empty()) {
    run.set_option("random-blocks", options.common.random_blocks);
  }
  run.set_provenance("base", {{"name", loaded.name},
                              {"sha256", loaded.sha256},
                              {"provenance", loaded.model->config().provenance}});
  base.config = loaded.model->config();
  base.model = std::move(loaded.model);
  base.tokenizer = std::move(loaded.tokenizer);
  base.tokenizer_files = std::move(loaded.tokenizer_files);
  return base;
}

void set_weights(const BaseModel& base, std::uint64_t seed, model::Model& model) {
  if (base.model) {
    copy_parameters(*base.model, model, seed);
  } else {
    model.initialize(seed);
  }
}

std::vector<double> parse_numbers(const std::string& option, const std::string& text) {
  std::vector<double> numbers;
  for (const std::string& word : core::split(text, ',')) {
    const std::optional<double> number = core::parse_double(word);
    if (!number || !std::isfinite(*number)) {
      throw UsageError("--" + option + ": '" + word + "' is not a number");
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace dnabird::pipelines
