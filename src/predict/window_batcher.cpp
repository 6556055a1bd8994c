#include "predict/window_batcher.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/errors.h"
#include "ops/losses.h"

namespace dnabird::predict {

using core::Tensor;

namespace {

// Logits that are held at once: 16 MiB of f32.
constexpr std::int64_t kLogitsAtOnce = 1 << 22;
// Numbers that may wait to be taken: 64 MiB of f32.
constexpr std::int64_t kMostWaiting = 1 << 24;

/// One masked token of a batch: where its hidden state lies, and of which window it is.
struct MaskedRow {
  std::int32_t row;    // in the batch's hidden states seen as (B*T,C)
  std::size_t window;  // in the caller's order
  std::size_t offset;  // in the candidates of that window
};

/// All masked tokens of the windows `members` that share a batch padded to `n_tokens`, but for
/// those that no candidate counts.
std::vector<MaskedRow> masked_rows(std::span<const std::size_t> members,
                                   const std::vector<MaskedWindow>& windows,
                                   std::int64_t n_tokens) {
  std::vector<MaskedRow> rows;
  for (std::size_t b = 0; b < members.size(); ++b) {
    const MaskedWindow& window = windows[members[b]];
    const std::size_t n = window.candidates.empty() ? 0 : window.candidates[0].size();
    for (std::size_t i = 0; i < n; ++i) {
      if (std::all_of(window.candidates.begin(), window.candidates.end(),
                      [i](const Tokens& ids) { return ids[i] == kNotAsked; })) {
        continue;
      }
      const std::int64_t row =
          static_cast<std::int64_t>(b) * n_tokens + window.first_row + static_cast<std::int64_t>(i);
      rows.push_back({static_cast<std::int32_t>(row), members[b], i});
    }
  }
  return rows;
}

/// What each candidate has for each masked token, kNotAsked for none: (candidates,n), n at least as
/// many as there are masked.
std::vector<std::int32_t> labels_of(const std::vector<MaskedRow>& masked, std::size_t n,
                                    const std::vector<MaskedWindow>& windows) {
  std::size_t most_candidates = 0;
  for (const MaskedRow& row : masked) {
    most_candidates = std::max(most_candidates, windows[row.window].candidates.size());
  }
  std::vector<std::int32_t> labels(most_candidates * n, kNotAsked);
  for (std::size_t c = 0; c < most_candidates; ++c) {
    for (std::size_t m = 0; m < masked.size(); ++m) {
      const std::vector<Tokens>& candidates = windows[masked[m].window].candidates;
      if (c < candidates.size()) labels[c * n + m] = candidates[c][masked[m].offset];
    }
  }
  return labels;
}

core::DataError does_not_fit(std::size_t windows, std::int64_t tokens, const std::string& why) {
  const std::string batch = windows == 1 ? "one window" : std::to_string(windows) + " windows";
  return core::DataError(
      "a batch of " + batch + " of " + std::to_string(tokens) + " tokens does not fit: " + why +
      (windows == 1
           ? "; take shorter windows or --precision bf16"
           : "; take --batch-size " + std::to_string(windows / 2) + ", or 0 for one that fits"));
}

}  // namespace

std::optional<std::int64_t> promoter_class(const model::ModelConfig& config) {
  if (config.task != model::HeadTask::classification || config.targets.size() < 2) return {};
  const auto found = std::find(config.targets.begin(), config.targets.end(), "promoter");
  if (found == config.targets.end()) return {};
  return found - config.targets.begin();
}

double class_log_odds(std::span<const float> logits, std::int64_t index) {
  double largest = -INFINITY;  // of the others
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(logits.size()); ++i) {
    if (i != index) largest = std::max(largest, static_cast<double>(logits[i]));
  }
  double sum = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(logits.size()); ++i) {
    if (i != index) sum += std::exp(logits[i] - largest);
  }
  return logits[index] - (largest + std::log(sum));
}

WindowBatcher::WindowBatcher(const model::Model& model, std::int64_t batch_size)
    : model_(model), batch_size_(batch_size), replays_(model.kernels()) {
  if (batch_size < 0) throw core::UsageError("--batch-size must be 0 (chosen) or more");
}

std::optional<WindowBatcher::Asked> WindowBatcher::ask_batch(
    const model::SequenceList& windows, const std::vector<std::size_t>& members, Question question,
    const Prepare& prepare, const Compute& compute) const {
  core::KernelSet& kernels = model_.kernels();
  std::vector<model::SequenceList::Sequence> sequences;
  std::size_t longest = 0;
  for (const std::size_t member : members) {
    sequences.push_back(windows[member]);
    longest = std::max(longest, windows[member].size());
  }
  Batch batch = prepare(members, static_cast<std::int64_t>(longest));
  if (!batch.take) return std::nullopt;
  const auto n_rows = static_cast<std::int64_t>(batch.rows.size());
  const auto n_labels = static_cast<std::int64_t>(batch.labels.size());
  Asked asked;
  asked.take = std::move(batch.take);
  replays_.run(
      {static_cast<std::int64_t>(question), static_cast<std::int64_t>(sequences.size()),
       static_cast<std::int64_t>(longest), n_rows, n_labels},
      [&](Inputs& inputs) {
        model::set_token_batch(kernels, sequences, model_.config().block_size, inputs.tokens);
        model_.check_batch(inputs.tokens);
        if (n_rows == 0) return;
        core::set_or_make(kernels, {n_rows}, std::span<const std::int32_t>(batch.rows),
                          inputs.rows);
        core::set_or_make(kernels, {n_labels / n_rows, n_rows},
                          std::span<const std::int32_t>(batch.labels), inputs.labels);
      },
      [&](Inputs& inputs) { core::leave(compute(inputs), inputs.numbers); },
      [&](Inputs& inputs) {
        asked.numbers = inputs.numbers.start_to_floats();
        asked.n = inputs.numbers.size();
      });
  return asked;
}

std::vector<WindowBatcher::Asked> WindowBatcher::ask(const model::SequenceList& windows,
                                                     Question question, const Prepare& prepare,
                                                     const Compute& compute) const {
  const core::BusyTime::Use use(busy_);
  const std::int64_t block_size = model_.config().block_size;
  std::vector<Asked> asked;
  std::int64_t n_waiting = 0;  // numbers
  for (const std::vector<std::size_t>& group : model::group_by_blocks(windows, block_size)) {
    const auto longest = static_cast<std::int64_t>(windows[group[0]].size());
    auto at_once = static_cast<std::size_t>(
        batch_size_ > 0 ? batch_size_
                        : std::max<std::int64_t>(1, model_.kernels().tokens_per_batch() / longest));
    for (auto first = group.begin(); first != group.end();) {
      const std::size_t n = std::min(at_once, static_cast<std::size_t>(group.end() - first));
      const auto end = first + static_cast<std::ptrdiff_t>(n);
      try {
        if (auto batch = ask_batch(windows, {first, end}, question, prepare, compute)) {
          n_waiting += batch->n;
          asked.push_back(std::move(*batch));
        }
        first = end;
      } catch (const kernels::OutOfMemory& error) {
        if (replays_.give_up()) continue;
        if (batch_size_ > 0 || n == 1) throw does_not_fit(n, longest, error.what());
        at_once = n / 2;
      }
      if (n_waiting >= kMostWaiting) {
        take(asked);
        n_waiting = 0;
      }
    }
  }
  return asked;
}

void WindowBatcher::take(std::vector<Asked>& asked) const {
  const core::BusyTime::Use use(busy_);
  for (Asked& batch : asked) batch.take(batch.numbers.get());
  asked.clear();
}

template <class Result>
std::future<Result> WindowBatcher::later(std::vector<Asked> asked,
                                         std::shared_ptr<Result> result) const {
  return std::async(std::launch::deferred,
                    [this, asked = std::move(asked), result = std::move(result)]() mutable {
                      take(asked);
                      return std::move(*result);
                    });
}

std::future<std::vector<float>> WindowBatcher::ask_rows(const model::SequenceList& windows,
                                                        Question question, std::size_t n_values,
                                                        const Compute& compute) const {
  const auto rows = std::make_shared<std::vector<float>>(windows.size() * n_values);
  const auto prepare = [&](const std::vector<std::size_t>& members, std::int64_t) {
    Batch batch;
    batch.take = [rows, members, n_values](const std::vector<float>& values) {
      for (std::size_t b = 0; b < members.size(); ++b) {
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(b * n_values), n_values,
                    rows->begin() + static_cast<std::ptrdiff_t>(members[b] * n_values));
      }
    };
    return batch;
  };
  return later(ask(windows, question, prepare, compute), rows);
}

std::future<std::vector<float>> WindowBatcher::head_outputs(
    const model::SequenceList& windows) const {
  return ask_rows(windows, Question::head, model_.config().targets.size(),
                  [&](const Inputs& inputs) {
                    return model_.head_output(model_.encode_cls(inputs.tokens));  // (B,K)
                  });
}

std::future<std::vector<double>> WindowBatcher::promoter_log_odds(
    const model::SequenceList& windows) const {
  const std::optional<std::int64_t> promoter = promoter_class(model_.config());
  if (!promoter) {
    throw core::DataError(
        "the model does not tell promoters from the rest (it has no class 'promoter'); fine-tune "
        "it with dnabird finetune --task promoter");
  }
  return std::async(std::launch::deferred, [asked = head_outputs(windows), promoter = *promoter,
                                            classes = model_.config().targets.size()]() mutable {
    const std::vector<float> logits = asked.get();  // (n,K)
    std::vector<double> log_odds;
    for (std::size_t begin = 0; begin < logits.size(); begin += classes) {
      log_odds.push_back(
          class_log_odds(std::span<const float>(logits).subspan(begin, classes), promoter));
    }
    return log_odds;
  });
}

std::future<std::vector<float>> WindowBatcher::embeddings(
    const model::SequenceList& windows) const {
  return ask_rows(windows, Question::pooled, static_cast<std::size_t>(model_.config().channels),
                  [&](const Inputs& inputs) {
                    return model_.pool(model_.encode(inputs.tokens), inputs.tokens);  // (B,C)
                  });
}

std::future<std::vector<float>> WindowBatcher::cls_states(
    const model::SequenceList& windows) const {
  return ask_rows(windows, Question::cls, static_cast<std::size_t>(model_.config().channels),
                  [&](const Inputs& inputs) { return model_.encode_cls(inputs.tokens); });
}

std::future<std::vector<std::vector<float>>> WindowBatcher::token_states(
    const model::SequenceList& windows) const {
  const auto states = std::make_shared<std::vector<std::vector<float>>>();
  for (const auto& window : windows) {
    states->emplace_back(window.size() * static_cast<std::size_t>(model_.config().channels));
  }
  const auto prepare = [&](const std::vector<std::size_t>& members, std::int64_t) {
    Batch batch;
    batch.take = [states, members](const std::vector<float>& hidden) {
      const std::size_t n_row = hidden.size() / members.size();
      for (std::size_t b = 0; b < members.size(); ++b) {
        std::vector<float>& own = (*states)[members[b]];
        std::copy_n(hidden.begin() + static_cast<std::ptrdiff_t>(b * n_row), own.size(),
                    own.begin());
      }
    };
    return batch;
  };
  return later(ask(windows, Question::tokens, prepare,
                   [&](const Inputs& inputs) { return model_.encode(inputs.tokens); }),  // (B,T,C)
               states);
}

std::future<std::vector<std::vector<double>>> WindowBatcher::candidate_log_likelihoods(
    const std::vector<MaskedWindow>& windows) const {
  std::vector<model::SequenceList::Sequence> ids;
  const auto sums = std::make_shared<std::vector<std::vector<double>>>();
  for (const MaskedWindow& window : windows) {
    ids.emplace_back(window.ids);
    sums->emplace_back(window.candidates.size(), 0.0);
  }
  const bool rounds = model_.kernels().captures();
  const auto prepare = [&](const std::vector<std::size_t>& members, std::int64_t n_tokens) {
    std::vector<MaskedRow> masked = masked_rows(members, windows, n_tokens);
    Batch batch;
    if (masked.empty()) return batch;
    for (const MaskedRow& row : masked) batch.rows.push_back(row.row);
    const auto n = static_cast<std::int64_t>(masked.size());
    batch.rows.resize(static_cast<std::size_t>(rounds ? core::rounded_for_replays(n) : n),
                      masked.back().row);
    batch.labels = labels_of(masked, batch.rows.size(), windows);
    batch.take = [sums, n_row = batch.rows.size(), labels = batch.labels,
                  masked = std::move(masked)](const std::vector<float>& values) {
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] != kNotAsked) (*sums)[masked[i % n_row].window][i / n_row] -= values[i];
      }
    };
    return batch;
  };
  return later(ask(ids, Question::masked, prepare,
                   [&](const Inputs& inputs) { return candidate_losses(inputs); }),
               sums);
}

Tensor WindowBatcher::candidate_losses(const Inputs& inputs) const {
  const Tensor hidden = model_.encode_rows(inputs.tokens, inputs.rows);  // (M,C)
  core::KernelSet& kernels = model_.kernels();
  const std::int64_t n = inputs.rows.size();
  std::vector<std::int32_t> every(static_cast<std::size_t>(n));
  std::iota(every.begin(), every.end(), 0);
  const Tensor rows = Tensor::from_host(kernels, {n}, std::span<const std::int32_t>(every));
  const Tensor& labels = inputs.labels;  // (candidates,M)
  Tensor losses = Tensor::empty(kernels, labels.shape(), kernels.parameter_dtype());
  const std::int64_t most = std::max<std::int64_t>(1, kLogitsAtOnce / model_.config().vocabulary);
  for (std::int64_t begin = 0; begin < n; begin += most) {
    const core::Shape some = {std::min(most, n - begin)};
    const Tensor logits = model_.masked_lm_logits(hidden, rows.view(begin, some));  // (some,V)
    for (std::int64_t at = begin; at < labels.size(); at += n) {
      losses.view(at, some).copy_from(
          ops::cross_entropy_forward(logits, labels.view(at, some), {}, nullptr));
    }
  }
  return losses;
}

}  // namespace dnabird::predict
