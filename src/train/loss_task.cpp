#include "train/loss_task.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "core/rng.h"

namespace dnabird::train {

namespace {

// A stream of the generator, so that unrelated draws share no words.
constexpr std::uint64_t kNoiseStream = 0x6e6f697365;

}  // namespace

LossTask::Drawn LossTask::draw_step(std::int64_t step) {
  StepRows rows = draw(step);
  return {step, std::move(rows), place_of_draws()};
}

std::int64_t LossTask::quick_pass(const TokenRows& rows) const {
  std::size_t longest = 1;
  for (const auto& input : rows.inputs) longest = std::max(longest, input.size());
  const auto replicas = static_cast<std::int64_t>(replicas_.count());
  const std::int64_t share = (options_.sequences() + replicas - 1) / replicas;
  const std::int64_t quick =
      model().kernels().tokens_per_batch() / static_cast<std::int64_t>(longest);
  return std::min(share, std::max(quick, StepOptions::kDefaultBatch));
}

void LossTask::run_passes(const Drawn& drawn) {
  std::vector<LossPasses::Pass> passes;
  std::uint64_t part = 0;
  const std::vector<std::vector<std::size_t>> batches =
      plan_batches(drawn.rows.rows, at_once_, model().config().block_size);
  for (const std::vector<std::size_t>& members : batches) {
    const auto step = static_cast<std::uint64_t>(drawn.step);
    const std::uint64_t noise = core::mix(kNoiseStream, step, part++);
    if (!passes_[0]->has_loss(drawn.rows, members)) continue;
    passes.push_back({drawn.rows, members, options_.seed, noise});
  }
  n_passes_ = passes.size();
  const std::size_t n_replicas = replicas_.count();
  replicas_.each([&](std::size_t r, model::Model& model) {
    model.parameters().gradients().zero();
    passes_[r]->take_losses();  // of a step that did not fit
    for (std::size_t p = r; p < passes.size(); p += n_replicas) {
      LossPasses::Pass pass = passes[p];
      if (p + n_replicas >= passes.size()) pass.ready = replicas_.ready(r);
      passes_[r]->add(pass);
    }
    replicas_.finish(r);
  });
}

bool LossTask::give_up_captures() {
  bool gave_up = false;
  for (const auto& passes : passes_) gave_up = passes->give_up_captures() || gave_up;
  return gave_up;
}

void LossTask::accumulate(std::int64_t step) {
  if (ahead_ && ahead_->step == step) {
    now_ = std::exchange(ahead_, std::nullopt);
  } else {
    core::require(!ahead_, "steps of a task come one after the other");
    now_ = draw_step(step);
  }
  for (std::size_t r = passes_.size(); r < replicas_.count(); ++r) {
    passes_.push_back(std::make_unique<LossPasses>(replicas_.model(r), truth()));
  }
  if (at_once_ == 0) {
    at_once_ = options_.batch_size > 0 ? options_.batch_size : quick_pass(now_->rows.rows);
  }
  for (;;) {
    try {
      return run_passes(*now_);
    } catch (const kernels::OutOfMemory& error) {
      if (give_up_captures()) continue;
      if (options_.batch_size > 0 || at_once_ == 1) throw;
      at_once_ = (at_once_ + 1) / 2;
      core::log_info("going on with passes of " + std::to_string(at_once_) +
                     " sequences: " + error.what());
    }
  }
}

StepLoss LossTask::loss() {
  core::require(now_.has_value(), "the loss of no step");
  if (!ahead_) ahead_ = draw_step(now_->step + 1);
  std::vector<std::vector<LossSums>> sums(passes_.size());
  // Each device by a thread of its own: one that failed ends the sums that keep the others waiting.
  replicas_.each([&](std::size_t r, model::Model&) { sums[r] = passes_[r]->take_losses(); });
  LossSums total;
  for (std::size_t p = 0; p < n_passes_; ++p) {
    const LossSums& of_pass = sums[p % sums.size()][p / sums.size()];
    total.head += of_pass.head;
    total.tokens += of_pass.tokens;
  }
  n_passes_ = 0;
  StepLoss result = loss_of(now_->rows, total);
  result.tokens = now_->rows.rows.tokens();
  return result;
}

nlohmann::json LossTask::place() const {
  nlohmann::json place = now_ ? now_->place : place_of_draws();
  if (options_.batch_size == 0) place["pass"] = at_once_;
  return place;
}

void LossTask::seek(const nlohmann::json& place) {
  seek_draws(place);
  at_once_ = options_.batch_size == 0 ? place.at("pass").get<std::int64_t>() : 0;
  now_.reset();
  ahead_.reset();
}

}  // namespace dnabird::train
