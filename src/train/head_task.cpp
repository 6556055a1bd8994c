#include "train/head_task.h"

#include <cmath>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"
#include "seq/alphabet.h"
#include "train/report.h"

namespace dnabird::train {

using core::Tensor;
using model::HeadTask;
using nlohmann::json;

namespace {

// A stream of the generator, so that unrelated draws share no words.
constexpr std::uint64_t kRowStream = 0x726f77;

TokenRows encode_rows(const std::vector<std::string>& sequences, const seq::Tokenizer& tokenizer) {
  TokenRows rows;
  for (const std::string& bases : sequences) {
    rows.inputs.push_back(tokenizer.encode(bases));
    rows.labels.emplace_back();
  }
  return rows;
}

/// {"MCC": 0.8, "hepg2": {"Pearson": 0.5}}: figures of the one target, or the means, and those of
/// each target.
nlohmann::ordered_json as_json(const std::vector<Metric>& metrics, std::size_t n_targets) {
  nlohmann::ordered_json object;
  for (const Metric& metric : metrics) {
    const bool is_whole = metric.target == "label" || metric.target == "mean" || n_targets == 1;
    nlohmann::ordered_json value =
        std::isnan(metric.value) ? nlohmann::ordered_json() : nlohmann::ordered_json(metric.value);
    (is_whole ? object : object[metric.target])[metric.name] = std::move(value);
  }
  return object;
}

}  // namespace

HeadTrainingTask::HeadTrainingTask(Replicas& replicas, const seq::Tokenizer& tokenizer,
                                   const data::LabelledData& train, const data::LabelledData& dev,
                                   const HeadOptions& options)
    : LossTask(replicas, options.step),
      tokenizer_(tokenizer),
      train_(train),
      dev_(dev),
      options_(options),
      standards_(train.task == HeadTask::regression ? standards_of(train)
                                                    : std::vector<Standard>()),
      truth_(make_truth(train, standards_, options.weights)),
      dev_truth_(make_truth(dev, standards_, {})),
      dev_rows_(encode_rows(dev.sequences, tokenizer)),
      order_(train.rows(), options.step.seed),
      kmers_(seq::as_kmers(tokenizer)) {
  core::require(kmers_ != nullptr || options.masked_lm_weight == 0, "only k-mers can be masked");
  core::require(train.targets == dev.targets && train.targets == model().config().targets,
                "train set, dev set and head have different targets");
}

StepRows HeadTrainingTask::draw(std::int64_t step) {
  StepRows drawn;
  for (std::int64_t i = 0; i < step_options().sequences(); ++i) {
    core::Rng rng(step_options().seed, core::mix(kRowStream, static_cast<std::uint64_t>(step),
                                                 static_cast<std::uint64_t>(i)));
    const auto row = static_cast<std::size_t>(order_.next());
    const std::string& bases = train_.sequences[row];
    const bool reverse = options_.both_strands && rng.below(2) == 1;
    std::vector<std::int32_t> ids =
        tokenizer_.encode(reverse ? seq::reverse_complement(bases) : bases);
    const bool masked = options_.masked_lm_weight > 0 && rng.uniform() < options_.masked_rows;
    if (masked) {
      seq::MaskedTokens hidden = seq::mask_spans(ids, *kmers_, options_.masking, rng);
      drawn.rows.inputs.push_back(std::move(hidden.input));
      drawn.rows.labels.push_back(std::move(hidden.labels));
    } else {
      drawn.rows.inputs.push_back(std::move(ids));
      drawn.rows.labels.emplace_back();
    }
    drawn.sources.push_back(row);
  }
  const std::int64_t labelled = drawn.rows.labelled_tokens();
  drawn.head_scale = truth_.scale(drawn.sources);
  if (labelled > 0) {
    drawn.token_scale = options_.masked_lm_weight * (1 / static_cast<double>(labelled));
  }
  return drawn;
}

StepLoss HeadTrainingTask::loss_of(const StepRows& step, const LossSums& sums) const {
  StepLoss result;
  result.loss = step.head_scale * sums.head;
  if (options_.masked_lm_weight == 0) return result;
  const std::int64_t labelled = step.rows.labelled_tokens();
  const double token_loss = labelled > 0 ? sums.tokens / static_cast<double>(labelled) : 0;
  result.parts = {{"head_loss", result.loss}, {"masked_lm_loss", token_loss}};
  result.loss += options_.masked_lm_weight * token_loss;
  return result;
}

Evaluation HeadTrainingTask::evaluate() {
  Predictions predictions{
      dev_.task, dev_.targets, head_outputs(model(), dev_rows_), dev_.labels, {}};
  predictions.truth.assign(dev_.truth.begin(), dev_.truth.end());
  if (options_.calibrate) {
    const Calibration found = fit(predictions.outputs);
    for (std::size_t i = 0; i < predictions.outputs.size(); ++i) {
      const double shift = found.shifts[i % found.shifts.size()];
      predictions.outputs[i] = found.scale * predictions.outputs[i] + shift;
    }
  }
  std::vector<std::size_t> all(dev_.sequences.size());
  for (std::size_t row = 0; row < all.size(); ++row) all[row] = row;
  const Tensor output = Tensor::from_host(
      model().kernels(), {dev_.rows(), static_cast<std::int64_t>(dev_.targets.size())},
      std::span<const double>(predictions.outputs));  // (R,K)
  Evaluation evaluation;
  HeadBatch truth;
  set_head_batch(model().kernels(), dev_truth_, all, truth);
  const HeadLoss loss = head_loss(output, dev_truth_.task, truth, std::nullopt);
  evaluation.loss = dev_truth_.scale(all) * loss.sum.to_doubles()[0];
  for (std::size_t i = 0; i < predictions.outputs.size() && !standards_.empty(); ++i) {
    const Standard& standard = standards_[i % standards_.size()];
    predictions.outputs[i] = predictions.outputs[i] * standard.deviation + standard.mean;
  }
  const std::vector<Metric> metrics = evaluate_predictions(predictions, {.resamples = 0});
  evaluation.headline = metrics.front().value;
  evaluation.summary = "loss " + short_number(evaluation.loss) + ", " + metrics.front().name + " " +
                       short_number(metrics.front().value);
  evaluation.metrics["loss"] = evaluation.loss;
  evaluation.metrics.update(as_json(metrics, dev_.targets.size()));
  return evaluation;
}

Calibration HeadTrainingTask::fit(std::span<const double> outputs) const {
  core::require(dev_.task == HeadTask::classification, "calibration of a head without classes");
  return fit_calibration(outputs, dev_.labels, static_cast<std::int64_t>(dev_.targets.size()));
}

void HeadTrainingTask::calibrate() {
  const Calibration found = fit(head_outputs(model(), dev_rows_));
  rescale_head(std::vector<double>(dev_.targets.size(), found.scale), found.shifts, model());
}

json HeadTrainingTask::place_of_draws() const {
  return {{"epoch", order_.place().epoch}, {"position", order_.place().position}};
}

void HeadTrainingTask::seek_draws(const json& place) {
  order_.seek({place.at("epoch").get<std::int64_t>(), place.at("position").get<std::int64_t>()});
}

}  // namespace dnabird::train
