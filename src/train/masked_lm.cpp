#include "train/masked_lm.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"
#include "ops/sums.h"

namespace dnabird::train {

using core::Tensor;
using nlohmann::json;

namespace {

// Streams of the generator. The dev set's masks have a seed of their own: runs of any seed are
// measured on the same hidden tokens.
constexpr std::uint64_t kMaskStream = 0x6d61736b, kDevStream = 0x646576;
constexpr std::uint64_t kDevSeed = 1;

/// Rows of logits (M,V) whose largest is that of the label (M).
std::int64_t count_first_choices(const Tensor& logits, const Tensor& labels) {
  const std::vector<float> values = logits.to_floats();
  const std::vector<std::int32_t> wanted = labels.to_ints();
  const std::int64_t classes = logits.dim(1);
  std::int64_t n = 0;
  for (std::size_t m = 0; m < wanted.size(); ++m) {
    const auto begin = values.begin() + static_cast<std::int64_t>(m) * classes;
    n += std::max_element(begin, begin + classes) - begin == wanted[m] ? 1 : 0;
  }
  return n;
}

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
    LabelledTokens tokens;
    set_labelled_tokens(model.kernels(), rows_, members, hidden.dim(1), 0, tokens);
    if (tokens.labels.is_empty()) continue;
    const TokenLoss loss = masked_token_loss(model, hidden, tokens, nullptr);
    score.loss_sum += ops::sum(loss.losses).to_doubles()[0];
    score.tokens += tokens.labels.size();
    score.called += count_first_choices(loss.logits, tokens.labels);
  }
  return score;
}

MaskedLmTask::MaskedLmTask(Replicas& replicas, const seq::KmerTokenizer& tokenizer,
                           data::WindowSampler& sampler, const MaskedDevSet* dev,
                           const MaskedLmOptions& options)
    : LossTask(replicas, options.step),
      tokenizer_(tokenizer),
      sampler_(sampler),
      dev_(dev),
      masking_(options.masking) {}

StepRows MaskedLmTask::draw(std::int64_t) {
  StepRows drawn;
  for (std::int64_t i = 0; i < step_options().sequences(); ++i) {
    core::Rng rng(step_options().seed,
                  core::mix(kMaskStream, static_cast<std::uint64_t>(sampler_.state().drawn)));
    seq::MaskedTokens masked =
        seq::mask_spans(tokenizer_.encode(sampler_.next()), tokenizer_, masking_, rng);
    drawn.rows.inputs.push_back(std::move(masked.input));
    drawn.rows.labels.push_back(std::move(masked.labels));
  }
  const std::int64_t labelled = drawn.rows.labelled_tokens();
  if (labelled > 0) drawn.token_scale = 1 / static_cast<double>(labelled);
  return drawn;
}

StepLoss MaskedLmTask::loss_of(const StepRows& step, const LossSums& sums) const {
  StepLoss result;
  result.loss = step.token_scale * sums.tokens;
  return result;
}

Evaluation MaskedLmTask::evaluate() {
  const MaskedScore score = dev_->score(model());
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

json MaskedLmTask::place_of_draws() const {
  const data::WindowSampler::State state = sampler_.state();
  json places = json::array();
  for (const data::EpochOrder::Place& place : state.places) {
    places.push_back({place.epoch, place.position});
  }
  return {{"drawn", state.drawn}, {"sources", places}};
}

void MaskedLmTask::seek_draws(const json& place) {
  data::WindowSampler::State state;
  state.drawn = place.at("drawn").get<std::int64_t>();
  for (const json& source : place.at("sources")) {
    state.places.push_back({source.at(0).get<std::int64_t>(), source.at(1).get<std::int64_t>()});
  }
  sampler_.restore(state);
}

}  // namespace dnabird::train
