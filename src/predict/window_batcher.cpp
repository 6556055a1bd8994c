#include "predict/window_batcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <string>

#include "core/errors.h"
#include "ops/losses.h"

namespace dnabird::predict {

using core::Tensor;

namespace {

// Logits that are held at once: 16 MiB of f32.
constexpr std::int64_t kLogitsAtOnce = 1 << 22;

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

core::DataError does_not_fit(std::size_t windows, std::int64_t tokens, const std::string& why) {
  const std::string batch = windows == 1 ? "one window" : std::to_string(windows) + " windows";
  return core::DataError(
      "a batch of " + batch + " of " + std::to_string(tokens) + " tokens does not fit: " + why +
      (windows == 1
           ? "; take shorter windows or --precision bf16"
           : "; take --batch-size " + std::to_string(windows / 2) + ", or 0 for one that fits"));
}

/// Row b of `from` becomes row to_rows[b] of `to`; rows are of n numbers.
void copy_rows(const std::vector<float>& from, std::size_t n, std::span<const std::size_t> to_rows,
               std::vector<float>& to) {
  for (std::size_t b = 0; b < to_rows.size(); ++b) {
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(b * n), n,
                to.begin() + static_cast<std::ptrdiff_t>(to_rows[b] * n));
  }
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
    : model_(model), batch_size_(batch_size) {
  if (batch_size < 0) throw core::UsageError("--batch-size must be 0 (chosen) or more");
}

void WindowBatcher::run(std::span<const Tokens> windows,
                        const std::function<void(const Batch&)>& use) const {
  const auto started = std::chrono::steady_clock::now();
  const std::int64_t block_size = model_.config().block_size;
  for (const std::vector<std::size_t>& group : model::group_by_blocks(windows, block_size)) {
    const auto longest = static_cast<std::int64_t>(windows[group[0]].size());
    auto at_once = static_cast<std::size_t>(
        batch_size_ > 0 ? batch_size_
                        : std::max<std::int64_t>(1, model_.kernels().tokens_per_batch() / longest));
    for (std::size_t begin = 0; begin < group.size();) {
      const std::size_t n = std::min(at_once, group.size() - begin);
      std::vector<Tokens> members;
      members.reserve(n);
      for (std::size_t i = begin; i < begin + n; ++i) members.push_back(windows[group[i]]);
      try {
        const model::TokenBatch tokens =
            model::make_token_batch(model_.kernels(), members, block_size);
        use({tokens, std::span<const std::size_t>(group).subspan(begin, n)});
        begin += n;
      } catch (const kernels::OutOfMemory& error) {
        if (batch_size_ > 0 || n == 1) throw does_not_fit(n, longest, error.what());
        at_once = n / 2;
      }
    }
  }
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

std::vector<float> WindowBatcher::head_outputs(std::span<const Tokens> windows) const {
  const std::size_t targets = model_.config().targets.size();
  std::vector<float> outputs(windows.size() * targets);  // (n,K)
  run(windows, [&](const Batch& batch) {
    const Tensor cls = model_.encode_cls(batch.tokens);                   // (B,1,C)
    const std::vector<float> some = model_.head_output(cls).to_floats();  // (B,K)
    copy_rows(some, targets, batch.windows, outputs);
  });
  return outputs;
}

std::vector<double> WindowBatcher::promoter_log_odds(std::span<const Tokens> windows) const {
  const std::optional<std::int64_t> promoter = promoter_class(model_.config());
  if (!promoter) {
    throw core::DataError(
        "the model does not tell promoters from the rest (it has no class 'promoter'); fine-tune "
        "it with dnabird finetune --task promoter");
  }
  const std::vector<float> logits = head_outputs(windows);  // (n,K)
  const std::size_t classes = model_.config().targets.size();
  std::vector<double> log_odds;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    log_odds.push_back(
        class_log_odds(std::span<const float>(logits).subspan(i * classes, classes), *promoter));
  }
  return log_odds;
}

std::vector<float> WindowBatcher::embeddings(std::span<const Tokens> windows) const {
  const auto channels = static_cast<std::size_t>(model_.config().channels);
  std::vector<float> result(windows.size() * channels);  // (n,C)
  run(windows, [&](const Batch& batch) {
    const Tensor hidden = model_.encode(batch.tokens);                                // (B,T,C)
    const std::vector<float> pooled = model_.pool(hidden, batch.tokens).to_floats();  // (B,C)
    copy_rows(pooled, channels, batch.windows, result);
  });
  return result;
}

std::vector<float> WindowBatcher::cls_states(std::span<const Tokens> windows) const {
  const auto channels = static_cast<std::size_t>(model_.config().channels);
  std::vector<float> result(windows.size() * channels);  // (n,C)
  run(windows, [&](const Batch& batch) {
    copy_rows(model_.encode_cls(batch.tokens).to_floats(), channels, batch.windows, result);
  });
  return result;
}

std::vector<std::vector<float>> WindowBatcher::token_states(std::span<const Tokens> windows) const {
  const auto channels = static_cast<std::size_t>(model_.config().channels);
  std::vector<std::vector<float>> result(windows.size());
  run(windows, [&](const Batch& batch) {
    const std::vector<float> hidden = model_.encode(batch.tokens).to_floats();  // (B,T,C)
    const std::size_t n_row = hidden.size() / batch.windows.size();
    for (std::size_t b = 0; b < batch.windows.size(); ++b) {
      const std::size_t w = batch.windows[b];
      const auto begin = hidden.begin() + static_cast<std::ptrdiff_t>(b * n_row);
      result[w].assign(begin, begin + static_cast<std::ptrdiff_t>(windows[w].size() * channels));
    }
  });
  return result;
}

std::vector<std::vector<double>> WindowBatcher::candidate_log_likelihoods(
    const std::vector<MaskedWindow>& windows) const {
  std::vector<Tokens> ids;
  std::vector<std::vector<double>> sums;
  for (const MaskedWindow& window : windows) {
    ids.push_back(window.ids);
    sums.emplace_back(window.candidates.size(), 0.0);
  }
  run(ids, [&](const Batch& batch) { log_likelihoods_of(batch, windows, sums); });
  return sums;
}

void WindowBatcher::log_likelihoods_of(const Batch& batch, const std::vector<MaskedWindow>& windows,
                                       std::vector<std::vector<double>>& sums) const {
  for (const std::size_t w : batch.windows) std::fill(sums[w].begin(), sums[w].end(), 0.0);
  const std::vector<MaskedRow> masked = masked_rows(batch.windows, windows, batch.tokens.tokens);
  if (masked.empty()) return;
  std::vector<std::int32_t> all;  // (M)
  for (const MaskedRow& row : masked) all.push_back(row.row);
  const Tensor hidden = model_.encode_rows(batch.tokens, tensor_of(all));  // (M,C)
  std::size_t most_candidates = 0;
  for (const std::size_t w : batch.windows) {
    most_candidates = std::max(most_candidates, windows[w].candidates.size());
  }
  const auto at_once = static_cast<std::size_t>(
      std::max<std::int64_t>(1, kLogitsAtOnce / model_.config().vocabulary));
  for (std::size_t begin = 0; begin < masked.size(); begin += at_once) {
    const auto slice =
        std::span<const MaskedRow>(masked).subspan(begin, std::min(at_once, masked.size() - begin));
    std::vector<std::int32_t> rows(slice.size()), labels(slice.size());  // (M) both
    std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(begin));
    const Tensor logits = model_.masked_lm_logits(hidden, tensor_of(rows));  // (M,V)
    for (std::size_t c = 0; c < most_candidates; ++c) {
      std::transform(slice.begin(), slice.end(), labels.begin(), [&](const MaskedRow& row) {
        const std::vector<Tokens>& candidates = windows[row.window].candidates;
        return c < candidates.size() ? candidates[c][row.offset] : kNotAsked;
      });
      const std::vector<float> losses =  // (M), -log p
          ops::cross_entropy_forward(logits, tensor_of(labels), {}, nullptr).to_floats();
      for (std::size_t i = 0; i < slice.size(); ++i) {
        if (labels[i] != kNotAsked) sums[slice[i].window][c] -= losses[i];
      }
    }
  }
}

Tensor WindowBatcher::tensor_of(const std::vector<std::int32_t>& values) const {
  return Tensor::from_host(model_.kernels(), {static_cast<std::int64_t>(values.size())},
                           std::span<const std::int32_t>(values));
}

}  // namespace dnabird::predict
