#include "train/loss_task.h"

#include <utility>

#include "core/errors.h"
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

void LossTask::accumulate(std::int64_t step) {
  if (ahead_ && ahead_->step == step) {
    now_ = std::exchange(ahead_, std::nullopt);
  } else {
    core::require(!ahead_, "steps of a task come one after the other");
    now_ = draw_step(step);
  }
  if (!passes_) passes_.emplace(model_, truth());
  std::uint64_t part = 0;
  for (const std::vector<std::size_t>& members :
       plan_batches(now_->rows.rows, options_.batch_size, model_.config().block_size)) {
    const std::uint64_t noise = core::mix(kNoiseStream, static_cast<std::uint64_t>(step), part++);
    if (!passes_->has_loss(now_->rows, members)) continue;
    passes_->add({now_->rows, members, options_.seed, noise});
  }
}

StepLoss LossTask::loss() {
  core::require(now_.has_value(), "the loss of no step");
  if (!ahead_) ahead_ = draw_step(now_->step + 1);
  LossSums total;
  for (const LossSums& sums : passes_->take_losses()) {
    total.head += sums.head;
    total.tokens += sums.tokens;
  }
  StepLoss result = loss_of(now_->rows, total);
  result.tokens = now_->rows.rows.tokens();
  return result;
}

nlohmann::json LossTask::place() const { return now_ ? now_->place : place_of_draws(); }

void LossTask::seek(const nlohmann::json& place) {
  seek_draws(place);
  now_.reset();
  ahead_.reset();
}

}  // namespace dnabird::train
