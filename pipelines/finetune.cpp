// dnabird finetune: a head learns classes, labels or values from sequences with a truth.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/labelled.h"
#include "data/overlap.h"
#include "pipelines/commands.h"
#include "pipelines/model_files.h"
#include "pipelines/training.h"
#include "seq/kmer_tokenizer.h"
#include "train/head_task.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;
using core::UsageError;
using model::HeadTask;

constexpr const char* kDescription =
    "Trains a head on a pretrained model (or, with --architecture, on a new one) from CSV files:\n"
    "columns 'sequence' and 'label', or 'sequence' and one per target. Writes the model of the "
    "best\n"
    "step on dev into the folder DIR, beside it train_log.jsonl and a checkpoint.\n"
    "Tasks: classification, multi_label (0, 1 or nothing), regression (values or nothing), "
    "promoter\n"
    "(two classes, other and promoter, for score and annotate).";

constexpr const char* kExamples =
    "  dnabird finetune -m base --task promoter --train train.csv.gz --dev dev.csv.gz -o model\n"
    "  dnabird finetune -m base --task regression --targets hepg2,k562 --train a.csv --train b.csv "
    "\\\n"
    "      --dev dev.csv -o activity --epochs 20 --patience 5\n"
    "  dnabird finetune ... --resume    (the same command again, after an interruption)";

struct Options {
  TrainingOptions training;
  std::string task, targets, class_weights = "none";
  std::vector<std::string> train, dev;
  double epochs = 5;
  std::int64_t window = 0, tss_offset = -1;
  bool drop_shared = false, both_strands = false, calibrate = false;
  double masked_lm_weight = 0, masked_rows = 0.5;

  bool is_promoter() const { return task == "promoter"; }
  HeadTask head() const;
};

HeadTask Options::head() const {
  if (task == "classification" || is_promoter()) return HeadTask::classification;
  if (task == "multi_label") return HeadTask::multi_label;
  if (task == "regression") return HeadTask::regression;
  throw UsageError("--task: '" + task +
                   "' is none of classification, multi_label, regression, promoter");
}

void declare(OptionParser& parser, Options& o) {
  o.training.lr = 2e-4;
  add_base_options(parser, &o.training);
  parser.add("task", &o.task, "classification, multi_label, regression or promoter");
  parser.add("train", &o.train, "CSV to learn from (may be repeated)");
  parser.add("dev", &o.dev, "CSV that the best step is chosen on (may be repeated)");
  parser.add("targets", &o.targets,
             "a,b,c: names of the classes in order, or columns; else from the labels, or 'label'");
  parser.add("class-weights", &o.class_weights,
             "none, balanced, or a number for each class (multi_label: for its positives)");
  parser.add_flag("drop-shared", &o.drop_shared,
                  "leave out train sequences that share 24 bases with dev, either strand");
  parser.add("epochs", &o.epochs, "passes over the train set");
  parser.add("steps", &o.training.steps, "steps of the run in place of --epochs; 0 = by epochs");
  parser.add("eval-every", &o.training.eval_every, "steps between evaluations; 0 = an epoch");
  parser.add_flag("both-strands", &o.both_strands,
                  "learn from either strand of each sequence; where the strand does not matter");
  parser.add("masked-lm-weight", &o.masked_lm_weight,
             "weight of a masked-token loss beside that of the head; 0 = none");
  parser.add("masked-rows", &o.masked_rows, "with it: share of the sequences in which it hides");
  parser.add_flag("calibrate", &o.calibrate,
                  "move the probabilities of the classes so that they fit dev");
  parser.add("window", &o.window,
             "bases that score and annotate will cut; 0 = the longest train sequence");
  parser.add("tss-offset", &o.tss_offset,
             "base of the window, from 0, that is the start site; -1 = none");
  add_training_options(parser, &o.training);
}

void check(const Options& o) {
  if (o.task.empty()) throw UsageError("finetune needs --task");
  if (o.train.empty()) throw UsageError("finetune needs --train");
  if (o.dev.empty()) throw UsageError("finetune needs --dev");
  if (!(o.epochs > 0)) throw UsageError("--epochs: expected a number above 0");
  if (o.training.steps < 0) throw UsageError("--steps: expected at least 1, or 0");
  if (o.training.eval_every < 0) throw UsageError("--eval-every: expected at least 1, or 0");
  if (o.masked_lm_weight < 0) throw UsageError("--masked-lm-weight: expected at least 0");
  if (!(o.masked_rows > 0 && o.masked_rows <= 1)) {
    throw UsageError("--masked-rows: expected above 0 and at most 1");
  }
  if (o.window < 0 || o.tss_offset < -1) {
    throw UsageError("--window and --tss-offset: expected at least 0");
  }
  if (o.calibrate && o.head() != HeadTask::classification) {
    throw UsageError("--calibrate: '" + o.task + "' has no classes that exclude each other");
  }
  if (o.head() == HeadTask::regression && o.class_weights != "none") {
    throw UsageError("--class-weights: regression has no classes");
  }
}

struct Sets {
  data::LabelledData train, dev;
};

Sets read_sets(const Options& options, const seq::Tokenizer& tokenizer,
               const model::ModelConfig& config) {
  data::LabelledOptions how;
  how.task = options.head();
  how.least_bases = std::max(1, config.k);
  how.most_bases = tokenizer.n_bases(config.positions);
  if (!options.targets.empty()) {
    how.targets = core::split(options.targets, ',');
  } else if (options.is_promoter()) {
    how.targets = {"other", "promoter"};
  }
  Sets sets{data::read_labelled(options.train, how), {}};
  if (sets.train.task == HeadTask::classification && sets.train.targets.size() < 2) {
    throw DataError("'" + options.train[0] + "': every label is '" + sets.train.targets[0] +
                    "'; expected two classes or more");
  }
  how.targets = sets.train.targets;
  sets.dev = data::read_labelled(options.dev, how);

  const std::vector<char> marks =
      data::mark_shared(sets.train.sequences, data::KmerSet(sets.dev.sequences));
  const auto shared = std::count(marks.begin(), marks.end(), 1);
  if (shared == 0) return sets;
  const std::string counts = core::with_commas(shared) + " of " +
                             core::with_commas(sets.train.rows()) + " train sequences share " +
                             std::to_string(data::kSharedBases) + " bases with a dev sequence";
  if (!options.drop_shared) {
    const auto first = std::find(marks.begin(), marks.end(), 1) - marks.begin();
    throw DataError(counts + ", the first of them " + sets.train.where(first) +
                    "; --drop-shared leaves them out");
  }
  sets.train = sets.train.without(marks);
  if (sets.train.rows() == 0) throw DataError(counts + "; none is left to learn from");
  core::log_info(counts + " and are left out");
  return sets;
}

std::vector<double> class_weights(const Options& options, const data::LabelledData& train) {
  if (options.class_weights == "none") return {};
  if (options.class_weights == "balanced") return train::balanced_weights(train);
  std::vector<double> weights = parse_numbers("class-weights", options.class_weights);
  if (weights.size() != train.targets.size()) {
    throw UsageError("--class-weights: " + std::to_string(weights.size()) + " numbers for " +
                     std::to_string(train.targets.size()) + " (" + core::join(train.targets, ", ") +
                     ")");
  }
  if (std::any_of(weights.begin(), weights.end(), [](double w) { return !(w > 0); })) {
    throw UsageError("--class-weights: expected numbers above 0");
  }
  return weights;
}

std::int64_t longest(const data::LabelledData& data) {
  std::size_t bases = 0;
  for (const std::string& sequence : data.sequences) bases = std::max(bases, sequence.size());
  return static_cast<std::int64_t>(bases);
}

model::ModelConfig config_with_head(const Options& options, const data::LabelledData& train,
                                    model::ModelConfig config) {
  config.task = train.task;
  config.targets = train.targets;
  config.window_bases = options.window == 0 ? longest(train) : options.window;
  config.tss_offset = options.tss_offset;
  if (options.training.dropout >= 0) config.dropout = options.training.dropout;
  if (config.tss_offset >= config.window_bases) {
    throw UsageError("--tss-offset: " + std::to_string(config.tss_offset) +
                     " lies outside the window of " + std::to_string(config.window_bases) +
                     " bases");
  }
  if (options.masked_lm_weight > 0 && !config.masked_lm) {
    throw UsageError("--masked-lm-weight: the model has no masked-token head");
  }
  return config;
}

/// Whether the base's head predicts the same; else the model's is drawn.
bool keep_or_draw_head(const BaseModel& base, std::uint64_t seed, model::Model& model) {
  if (!base.model) return false;  // all of it has been drawn
  const model::ModelConfig& before = base.config;
  if (before.task == model.config().task && before.targets == model.config().targets) return true;
  for (const model::ParameterInfo& parameter : model.parameters().list()) {
    if (parameter.name.starts_with("classifier.")) model.initialize(parameter.name, seed);
  }
  return false;
}

void set_run_options(const Options& options, TrainingRun& run) {
  run.set_option("epochs", options.epochs);
  run.set_option("task", options.task);
  run.set_option("targets", options.targets);
  run.set_option("class-weights", options.class_weights);
  run.set_option("drop-shared", options.drop_shared);
  run.set_option("both-strands", options.both_strands);
  run.set_option("masked-lm-weight", options.masked_lm_weight);
  run.set_option("masked-rows", options.masked_rows);
  run.set_option("window", options.window);
  run.set_option("tss-offset", options.tss_offset);
  run.set_files("train", options.train);
  run.set_files("dev", options.dev);
}

/// Steps and evaluations by epochs, now that the rows are known.
void count_steps(const Options& options, std::int64_t rows, TrainingOptions& training) {
  const double per_step = static_cast<double>(training.step_options().sequences());
  const double epoch = static_cast<double>(rows) / per_step;
  if (training.steps == 0) {
    training.steps = std::max<std::int64_t>(1, std::llround(options.epochs * epoch));
  }
  if (training.eval_every == 0) {
    training.eval_every = std::max<std::int64_t>(1, std::llround(epoch));
  }
}

}  // namespace

int run_finetune(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser(
      "dnabird finetune [options] -m BASE --task TASK --train FILE --dev FILE -o DIR", kDescription,
      kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  check(options);
  TrainingOptions& training = options.training;
  check_training_options(training);
  const CommonOptions& common = training.common;
  const TrainingDevices devices =
      core::open_training_devices(common.device, common.precision, common.threads);
  TrainingRun run(training, devices);
  set_run_options(options, run);
  BaseModel base = open_base(training, *devices[0], run);
  // A head that nothing trains would only pretend to know.
  if (!base.model && options.masked_lm_weight == 0) base.config.masked_lm = false;
  const seq::Tokenizer& tokenizer = *base.tokenizer;
  if (options.masked_lm_weight > 0 && seq::as_kmers(tokenizer) == nullptr) {
    throw UsageError("--masked-lm-weight: '" + common.model + "' has tokens of another kind (" +
                     tokenizer.kind() + "); only k-mers are masked in training");
  }
  const Sets sets = read_sets(options, tokenizer, base.config);
  count_steps(options, sets.train.rows(), training);
  check_steps(training);

  train::HeadOptions how;
  how.step = training.step_options();
  how.weights = class_weights(options, sets.train);
  how.both_strands = options.both_strands;
  how.masked_lm_weight = options.masked_lm_weight;
  how.masked_rows = options.masked_rows;
  how.calibrate = options.calibrate;
  how.masking = training.masking;
  model::Model model(*devices[0], config_with_head(options, sets.train, base.config));
  set_weights(base, common.seed, model);
  const bool has_head = keep_or_draw_head(base, common.seed, model);
  train::Replicas replicas(model, other_devices(devices));
  train::HeadTrainingTask task(replicas, tokenizer, sets.train, sets.dev, how);
  const bool is_regression = model.config().task == HeadTask::regression;
  if (is_regression && has_head) train::to_standard_units(task.standards(), model);
  run.train(replicas, task, base.tokenizer_files, [&](nlohmann::json& provenance) {
    if (is_regression) train::to_target_units(task.standards(), model);
    if (!options.calibrate) return;
    task.calibrate();
    provenance["calibrated"] = true;
  });
  return 0;
}

}  // namespace dnabird::pipelines
