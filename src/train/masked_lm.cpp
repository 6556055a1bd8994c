#include "train/masked_lm.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"

namespace dnabird::train {

using core::Tensor;
using nlohmann::json;

namespace {

// Streams of the generator. The dev set's masks have a seed of their own: runs of any seed are
// measured on the same hidden tokens.
constexpr std::uint64_t kMaskStream = 0x6d61736b, kDevStream = 0x646576,
                        kNoiseStream = 0x6e6f697365;
constexpr std::uint64_t kDevSeed = 1;

}  // namespace

double MaskedScore::bits_per_base() const {
  return loss_sum / std::numbers::ln2 / static_cast<double>(hidden);
}

MaskedDevSet::MaskedDevSet(const std::vector<std::string>& sequences,
                           const seq::KmerTokenizer& tokenizer, seq::MaskingOptions masking) {
  masking.replace_mask = 1;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    core::Rng rng(kDevSeed, core::mix(kDevStream, i));
    seq::MaskedTokens masked =
        seq::mask_spans(tokenizer.encode(sequences[i]), tokenizer, masking, rng);
    hidden_ +=
        std::accumulate(masked.hidden_bases.begin(), masked.hidden_bases.end(), std::int64_t{0});
    rows_.inputs.push_back(std::move(masked.input));
    rows_.labels.push_back(std::move(masked.labels));
  }
  if (rows_.labelled_tokens() == 0) {
    throw core::DataError(
        "nothing of the dev set is hidden: its sequences are too short or too few");
  }
}

MaskedScore MaskedDevSet::score(const model::Model& model) const {
  const std::int64_t block_size = model.config().block_size;
  MaskedScore score;
  score.hidden = hidden_;
  for (const std::vector<std::size_t>& members : plan_evaluation(rows_, block_size)) {
    const Tensor hidden =
        model.encode(make_batch(model.kernels(), rows_, members, block_size));  // (B,T,C)
    const TokenLoss loss = masked_token_loss(model, hidden, rows_, members, nullptr);
    score.loss_sum += loss.sum;
    score.tokens += loss.tokens;
    score.called += loss.called;
  }
  return score;
}

MaskedLmTask::MaskedLmTask(model::Model& model, const seq::KmerTokenizer& tokenizer,
                           data::WindowSampler& sampler, const MaskedDevSet* dev,
                           const MaskedLmOptions& options)
    : model_(model), tokenizer_(tokenizer), sampler_(sampler), dev_(dev), options_(options) {}

TokenRows MaskedLmTask::draw_rows() {
  TokenRows rows;
  for (std::int64_t i = 0; i < options_.batch_size * options_.accumulate; ++i) {
    core::Rng rng(options_.seed,
                  core::mix(kMaskStream, static_cast<std::uint64_t>(sampler_.state().drawn)));
    seq::MaskedTokens masked =
        seq::mask_spans(tokenizer_.encode(sampler_.next()), tokenizer_, options_.masking, rng);
    rows.inputs.push_back(std::move(masked.input));
    rows.labels.push_back(std::move(masked.labels));
  }
  return rows;
}

StepLoss MaskedLmTask::accumulate(std::int64_t step) {
  const TokenRows rows = draw_rows();
  const std::int64_t labelled = rows.labelled_tokens();
  StepLoss result;
  result.tokens = rows.tokens();
  if (labelled == 0) return result;
  const double scale = 1 / static_cast<double>(labelled);
  const std::int64_t block_size = model_.config().block_size;
  std::uint64_t part = 0;
  for (const std::vector<std::size_t>& members :
       plan_batches(rows, options_.batch_size, block_size)) {
    const model::StepNoise noise{options_.seed, core::mix(kNoiseStream, step, part++)};
    const model::TokenBatch batch = make_batch(model_.kernels(), rows, members, block_size);
    const std::vector<std::int32_t> read = labelled_rows(rows, members, batch.tokens);
    if (read.empty()) continue;
    model::ForwardCache cache;
    const Tensor hidden = model_.encode_for_loss(batch, read, cache, &noise);  // (B,T,C)
    const TokenLoss loss = masked_token_loss(model_, hidden, rows, members, &cache);
    result.loss += scale * loss.sum;
    Tensor dhidden = Tensor::zeros(model_.kernels(), hidden.shape());
    masked_token_backward(model_, loss, scale, cache, dhidden);
    model_.encode_backward(dhidden, cache);
  }
  return result;
}

Evaluation MaskedLmTask::evaluate() {
  const MaskedScore score = dev_->score(model_);
  Evaluation evaluation;
  evaluation.loss = score.loss();
  evaluation.headline = -score.loss();
  evaluation.metrics = {{"loss", score.loss()},
                        {"bits_per_base", score.bits_per_base()},
                        {"accuracy", score.accuracy()},
                        {"tokens", score.tokens}};
  evaluation.summary = "loss " + short_number(score.loss()) + ", bits per base " +
                       short_number(score.bits_per_base());
  return evaluation;
}

json MaskedLmTask::place() const {
  const data::WindowSampler::State state = sampler_.state();
  json places = json::array();
  for (const data::EpochOrder::Place& place : state.places) {
    places.push_back({place.epoch, place.position});
  }
  return {{"drawn", state.drawn}, {"sources", places}};
}

void MaskedLmTask::seek(const json& place) {
  data::WindowSampler::State state;
  state.drawn = place.at("drawn").get<std::int64_t>();
  for (const json& source : place.at("sources")) {
    state.places.push_back({source.at(0).get<std::int64_t>(), source.at(1).get<std::int64_t>()});
  }
  sampler_.restore(state);
}

}  // namespace dnabird::train
