// dnabird evaluate --data F.csv.gz: a model's head, and what it has to beat, on labelled sequences.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/labelled.h"
#include "data/overlap.h"
#include "io/output_file.h"
#include "pipelines/evaluate.h"
#include "pipelines/evaluate_parts.h"
#include "pipelines/model_files.h"
#include "predict/window_batcher.h"
#include "train/baselines.h"

namespace dnabird::pipelines {
namespace {

using data::LabelledData;
using model::HeadTask;
using train::Predictions;

constexpr std::int64_t kRowsAtOnce = 2048;  // tokens of this many are held, and progress is shown

/// The truth of the rows; outputs are still to come.
Predictions truth_of(const LabelledData& data) {
  Predictions predictions;
  predictions.task = data.task;
  predictions.targets = data.targets;
  predictions.labels = data.labels;
  predictions.truth.assign(data.truth.begin(), data.truth.end());
  return predictions;
}

/// Throws DataError if a row has more tokens than the model has positions for.
void check_length(std::int64_t n_tokens, const LoadedModel& loaded, const LabelledData& data,
                  std::int64_t row) {
  const std::int64_t positions = loaded.model->config().positions;
  if (n_tokens <= positions) return;
  throw core::DataError(data.where(row) + ": the sequence has " + core::with_commas(n_tokens) +
                        " tokens, but model '" + loaded.path + "' has positions for " +
                        core::with_commas(positions) + "; shorten it");
}

/// Outputs (R,K) of the head for each row.
std::vector<double> run_head(const LoadedModel& loaded, const LabelledData& data,
                             std::int64_t batch_size) {
  const predict::WindowBatcher batcher(*loaded.model, batch_size);
  const std::int64_t n = data.rows();
  core::Progress progress("evaluate", "sequences", n);
  std::vector<double> outputs;
  for (std::int64_t begin = 0; begin < n; begin += kRowsAtOnce) {
    std::vector<predict::Tokens> windows;
    const std::int64_t end = std::min(n, begin + kRowsAtOnce);
    for (std::int64_t row = begin; row < end; ++row) {
      windows.push_back(loaded.tokenizer->encode(data.sequences[row]));
      check_length(static_cast<std::int64_t>(windows.back().size()), loaded, data, row);
    }
    const std::vector<float> some = batcher.head_outputs(windows).get();  // (rows,K)
    outputs.insert(outputs.end(), some.begin(), some.end());
    progress.update(end);
  }
  return outputs;
}

void add_baselines(const EvaluateOptions& options, const data::LabelledOptions& columns,
                   const LabelledData& dev, EvaluateReport& report) {
  const LabelledData train = data::read_labelled(options.train, columns);
  core::log_info("baselines: learn from " + core::with_commas(train.rows()) + " sequences");
  const train::LinearTargets targets = train::LinearTargets::from(truth_of(train));
  const auto add = [&](const std::string& name, const auto& baseline) {
    Predictions predictions = truth_of(dev);
    predictions.outputs = targets.outputs(baseline.predict(dev.sequences));
    report.add(name, train::evaluate_predictions(predictions, options.bootstrap()));
  };
  add("GC", train::GcBaseline(train.sequences, targets));
  const bool is_value = dev.task == HeadTask::regression;
  add(is_value ? "k-mer ridge" : "k-mer logistic", train::KmerBaseline(train.sequences, targets));
}

/// Columns: file, line, the truth, then the head's output for each class or target.
void write_predictions(const std::string& path, const LabelledData& data,
                       const Predictions& predictions) {
  const std::size_t k = data.targets.size();
  const bool is_class = data.task == HeadTask::classification;
  io::TextOutput output(path);
  std::string line = "file\tline";
  if (is_class) line += "\tlabel";
  for (std::size_t t = 0; t < k && !is_class; ++t) line += "\ttruth_" + data.targets[t];
  const std::string kind = data.task == HeadTask::regression ? "\tvalue_" : "\tlogit_";
  for (const std::string& target : data.targets) line += kind + target;
  output.write(line + "\n");
  for (std::int64_t row = 0; row < data.rows(); ++row) {
    const auto first = static_cast<std::size_t>(row) * k;
    const LabelledData::Origin& origin = data.origins[row];
    line = data.paths[origin.file] + "\t" + std::to_string(origin.line);
    if (is_class) line += "\t" + data.targets[data.labels[row]];
    for (std::size_t t = 0; t < k && !is_class; ++t) {
      line += "\t" + format_number(data.truth[first + t]);
    }
    for (std::size_t t = 0; t < k; ++t)
      line += "\t" + format_number(predictions.outputs[first + t]);
    output.write(line + "\n");
  }
  output.commit();
}

void evaluate_head(const EvaluateOptions& options, const LoadedModel& loaded,
                   EvaluateReport& report) {
  const model::ModelConfig& config = loaded.model->config();
  if (config.task == HeadTask::none) {
    throw core::DataError("model '" + loaded.path +
                          "' has no head for labels or values; fine-tune it with dnabird finetune, "
                          "or ask for --masked-lm");
  }
  data::LabelledOptions columns;
  columns.task = config.task;
  columns.targets = config.targets;
  columns.least_bases = std::max(1, config.k);
  // Else it takes the tokens to know.
  if (!loaded.tokenizer->borders_follow_text()) {
    columns.most_bases = loaded.tokenizer->n_bases(config.positions);
  }
  const LabelledData dev = data::read_labelled(options.data, columns);
  report.provenance.push_back("data=" + core::join(options.data, ",") +
                              " sequences=" + std::to_string(dev.rows()));
  report_shared(options.train, dev.sequences, report);
  Predictions predictions = truth_of(dev);
  predictions.outputs = run_head(loaded, dev, options.common.batch_size);
  report.add(loaded.name, train::evaluate_predictions(predictions, options.bootstrap()));
  if (options.baselines) add_baselines(options, columns, dev, report);
  if (!options.predictions.empty()) write_predictions(options.predictions, dev, predictions);
}

}  // namespace

void evaluate_sequences(const EvaluateOptions& options, EvaluateReport& report) {
  if (options.baselines && options.masked_lm) {
    throw core::UsageError(
        "--baselines goes with labels; --masked-lm has the Markov model (--train)");
  }
  if (options.baselines && options.train.empty()) {
    throw core::UsageError("--baselines needs --train, sequences to learn from");
  }
  const auto kernels =
      core::open_device(options.common.device, options.common.precision, options.common.threads);
  const LoadedModel loaded =
      load_model(*kernels, options.common.model.empty() ? kDefaultModel : options.common.model,
                 options.common.random_blocks);
  report.provenance.push_back("model=" + identity_of(loaded));
  options.masked_lm ? evaluate_masked_lm(options, loaded, report)
                    : evaluate_head(options, loaded, report);
}

}  // namespace dnabird::pipelines
