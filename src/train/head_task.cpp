#include "train/head_task.h"

#include <cmath>
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

// Streams of the generator, so that unrelated draws share no words.
constexpr std::uint64_t kRowStream = 0x726f77, kNoiseStream = 0x6e6f697365;

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

/// What one step learns from.
struct HeadTrainingTask::Step {
  TokenRows rows;                    // (R)
  std::vector<std::size_t> sources;  // (R) rows of the train set
};

HeadTrainingTask::HeadTrainingTask(model::Model& model, const seq::Tokenizer& tokenizer,
                                   const data::LabelledData& train, const data::LabelledData& dev,
                                   const HeadOptions& options)
    : model_(model),
      tokenizer_(tokenizer),
      train_(train),
      dev_(dev),
      options_(options),
      standards_(train.task == HeadTask::regression ? standards_of(train)
                                                    : std::vector<Standard>()),
      truth_(make_truth(train, standards_, options.weights)),
      dev_truth_(make_truth(dev, standards_, {})),
      dev_rows_(encode_rows(dev.sequences, tokenizer)),
      order_(train.rows(), options.seed),
      kmers_(seq::as_kmers(tokenizer)) {
  core::require(kmers_ != nullptr || options.masked_lm_weight == 0, "only k-mers can be masked");
  core::require(train.targets == dev.targets && train.targets == model.config().targets,
                "train set, dev set and head have different targets");
}

HeadTrainingTask::Step HeadTrainingTask::draw_step(std::int64_t step) {
  Step drawn;
  for (std::int64_t i = 0; i < options_.batch_size * options_.accumulate; ++i) {
    core::Rng rng(options_.seed, core::mix(kRowStream, static_cast<std::uint64_t>(step),
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
  return drawn;
}

StepLoss HeadTrainingTask::accumulate(std::int64_t step) {
  const Step drawn = draw_step(step);
  const std::int64_t labelled = drawn.rows.labelled_tokens();
  const double head_scale = truth_.scale(drawn.sources);
  const double token_scale = labelled > 0 ? 1 / static_cast<double>(labelled) : 0;
  const std::int64_t block_size = model_.config().block_size;
  double head_sum = 0, token_sum = 0;
  std::uint64_t part = 0;
  for (const std::vector<std::size_t>& members :
       plan_batches(drawn.rows, options_.batch_size, block_size)) {
    const model::StepNoise noise{options_.seed,
                                 core::mix(kNoiseStream, static_cast<std::uint64_t>(step), part++)};
    std::vector<std::size_t> sources;
    for (const std::size_t row : members) sources.push_back(drawn.sources[row]);
    const model::TokenBatch batch = make_batch(model_.kernels(), drawn.rows, members, block_size);
    std::vector<std::int32_t> read = labelled_rows(drawn.rows, members, batch.tokens);
    for (std::int64_t b = 0; b < batch.batch; ++b) {  // [CLS]
      read.push_back(static_cast<std::int32_t>(b * batch.tokens));
    }
    model::ForwardCache cache;
    const Tensor hidden = model_.encode_for_loss(batch, read, cache, &noise);  // (B,T,C)
    Tensor dhidden = Tensor::zeros(model_.kernels(), hidden.shape());
    const HeadLoss loss =
        head_loss(model_.head_output(hidden, &cache, &noise), truth_, sources, head_scale);
    head_sum += loss.sum;
    if (head_scale != 0) model_.head_backward(loss.doutput, cache, dhidden);
    const TokenLoss tokens = masked_token_loss(model_, hidden, drawn.rows, members, &cache);
    token_sum += tokens.sum;
    masked_token_backward(model_, tokens, options_.masked_lm_weight * token_scale, cache, dhidden);
    model_.encode_backward(dhidden, cache);
  }
  StepLoss result;
  result.tokens = drawn.rows.tokens();
  result.loss = head_scale * head_sum;
  if (options_.masked_lm_weight > 0) {
    result.parts = {{"head_loss", head_scale * head_sum},
                    {"masked_lm_loss", token_scale * token_sum}};
    result.loss += options_.masked_lm_weight * token_scale * token_sum;
  }
  return result;
}

Evaluation HeadTrainingTask::evaluate() {
  Predictions predictions{
      dev_.task, dev_.targets, head_outputs(model_, dev_rows_), dev_.labels, {}};
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
      model_.kernels(), {dev_.rows(), static_cast<std::int64_t>(dev_.targets.size())},
      std::span<const double>(predictions.outputs));  // (R,K)
  Evaluation evaluation;
  evaluation.loss = dev_truth_.scale(all) * head_loss(output, dev_truth_, all, 0).sum;
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
  const Calibration found = fit(head_outputs(model_, dev_rows_));
  rescale_head(std::vector<double>(dev_.targets.size(), found.scale), found.shifts, model_);
}

json HeadTrainingTask::place() const {
  return {{"epoch", order_.place().epoch}, {"position", order_.place().position}};
}

void HeadTrainingTask::seek(const json& place) {
  order_.seek({place.at("epoch").get<std::int64_t>(), place.at("position").get<std::int64_t>()});
}

}  // namespace dnabird::train
