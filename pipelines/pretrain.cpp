// dnabird pretrain: a new model learns to fill in hidden k-mers.
#include <algorithm>
#include <climits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/overlap.h"
#include "data/sequences.h"
#include "data/window_sampler.h"
#include "pipelines/commands.h"
#include "pipelines/training.h"
#include "seq/kmer_tokenizer.h"
#include "train/masked_lm.h"

namespace dnabird::pipelines {
namespace {

using core::UsageError;

constexpr const char* kDescription =
    "Trains a model, a new one (--architecture) or further (-m), to fill in hidden k-mers of "
    "FASTA\n"
    "and CSV (column 'sequence'), mixed as given. Writes the model into the folder DIR, beside it\n"
    "train_log.jsonl and a checkpoint. With --dev the best step is kept; what the sequences share\n"
    "with the dev set (24 bases, either strand) is cut out of them first.";

constexpr const char* kExamples =
    "  dnabird pretrain --architecture small.json -o base genome.fa.gz --steps 20000\n"
    "  dnabird pretrain --architecture small.json -o base genome.fa.gz promoters.csv.gz \\\n"
    "      --weights 3,1 --window 300 --dev dev.csv.gz --eval-every 1000 --lr 5e-4\n"
    "  dnabird pretrain -m base -o longer --window 4096 genome.fa.gz    (go on, with other "
    "windows)\n"
    "  dnabird pretrain ... --resume    (the same command again, after an interruption)";

constexpr std::int64_t kLeastBases = 16;

struct Options {
  TrainingOptions training;
  std::string weights;
  std::int64_t window = 0;
  std::vector<std::string> dev, exclude, inputs;
};

void declare(OptionParser& parser, Options& o) {
  o.training.steps = 10000;
  o.training.lr = 5e-4;
  o.training.eval_every = 500;
  add_base_options(parser, &o.training);
  parser.add("steps", &o.training.steps, "steps of the run");
  parser.add("window", &o.window, "bases of a window; 0 = as many as the model has positions for");
  parser.add("weights", &o.weights, "how often each file is drawn from, 3,1; else by its bases");
  parser.add("dev", &o.dev, "sequences to evaluate on, never learnt from (may be repeated)");
  parser.add("exclude", &o.exclude,
             "further sequences of which nothing is to be learnt (may be repeated)");
  parser.add("eval-every", &o.training.eval_every, "steps between evaluations");
  add_training_options(parser, &o.training);
  parser.add_positional("SEQUENCES", &o.inputs, 1, INT_MAX);
}

std::vector<std::string> bases_of(const std::vector<std::string>& paths) {
  std::vector<std::string> bases;
  for (const std::string& path : paths) {
    for (io::NamedSequence& sequence : data::read_sequences(path)) {
      bases.push_back(std::move(sequence.bases));
    }
  }
  return bases;
}

/// Side by side; the last one of a sequence may be shorter.
std::vector<std::string> cut_windows(const std::vector<std::string>& sequences,
                                     std::int64_t window) {
  std::vector<std::string> windows;
  for (const std::string& bases : sequences) {
    for (std::size_t begin = 0; begin < bases.size(); begin += static_cast<std::size_t>(window)) {
      windows.push_back(bases.substr(begin, static_cast<std::size_t>(window)));
      if (static_cast<std::int64_t>(windows.back().size()) < kLeastBases) windows.pop_back();
    }
  }
  return windows;
}

std::vector<data::SequenceSource> read_sources(const Options& options,
                                               const std::vector<std::string>& dev) {
  std::vector<std::string> unseen = bases_of(options.exclude);
  unseen.insert(unseen.end(), dev.begin(), dev.end());
  std::optional<data::KmerSet> set;
  if (!unseen.empty()) set.emplace(unseen);
  std::vector<data::SequenceSource> sources;
  for (const std::string& path : options.inputs) {
    sources.push_back({path, data::read_sequences(path)});
    const std::int64_t bases = sources.back().n_bases();
    std::string line = "'" + path + "': " + core::with_commas(bases) + " bases";
    if (set) {
      const data::CutCounts cut = data::cut_shared(*set, sources.back().sequences);
      line += ", of these " + core::with_commas(cut.bases) + " in " +
              core::with_commas(cut.sequences) + " sequences cut out, which share " +
              std::to_string(data::kSharedBases) + " bases with the dev set" +
              (options.exclude.empty() ? "" : " or --exclude");
    }
    core::log_info(line);
  }
  return sources;
}

}  // namespace

int run_pretrain(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser(
      "dnabird pretrain [options] --architecture FILE.json | -m BASE -o DIR SEQUENCES...",
      kDescription, kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  TrainingOptions& training = options.training;
  check_training_options(training);
  check_steps(training);
  const CommonOptions& common = training.common;
  const TrainingDevices devices =
      core::open_training_devices(common.device, common.precision, common.threads);
  TrainingRun run(training, devices);

  const BaseModel base = open_base(training, *devices[0], run);
  model::ModelConfig config = base.config;
  if (config.task != model::HeadTask::none || !config.masked_lm) {
    throw UsageError("'" + (base.model ? common.model : training.architecture) +
                     "': a model to pretrain has the masked-token head alone (task none)");
  }
  if (training.dropout >= 0) config.dropout = training.dropout;
  const seq::KmerTokenizer* const kmers = seq::as_kmers(*base.tokenizer);
  if (kmers == nullptr) {
    throw UsageError("'" + common.model + "' has tokens of another kind (" +
                     base.tokenizer->kind() + "); dnabird pretrain goes on from k-mers only");
  }
  const seq::KmerTokenizer& tokenizer = *kmers;
  const std::int64_t most = tokenizer.n_bases(config.positions);
  const std::int64_t window = options.window == 0 ? most : options.window;
  if (window < kLeastBases || window > most) {
    throw UsageError("--window: " + std::to_string(window) + ", expected " +
                     std::to_string(kLeastBases) + " to " + std::to_string(most) +
                     " bases, what the model has positions for");
  }
  config.window_bases = window;
  run.set_option("window", window);
  run.set_option("weights", options.weights);
  run.set_files("SEQUENCES", options.inputs);
  run.set_files("dev", options.dev);
  run.set_files("exclude", options.exclude);

  const std::vector<std::string> dev = bases_of(options.dev);
  data::WindowOptions windows;
  windows.window = window;
  windows.least = kLeastBases;
  windows.seed = common.seed;
  if (!options.weights.empty()) windows.weights = parse_numbers("weights", options.weights);
  data::WindowSampler sampler(read_sources(options, dev), windows);
  std::optional<train::MaskedDevSet> dev_set;
  if (!dev.empty()) dev_set.emplace(cut_windows(dev, window), tokenizer, training.masking);

  model::Model model(*devices[0], config);
  set_weights(base, common.seed, model);
  train::Replicas replicas(model, other_devices(devices));
  train::MaskedLmTask task(replicas, tokenizer, sampler, dev_set ? &*dev_set : nullptr,
                           {training.step_options(), training.masking});
  run.train(replicas, task, base.tokenizer_files);
  return 0;
}

}  // namespace dnabird::pipelines
