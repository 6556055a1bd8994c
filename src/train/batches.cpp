#include "train/batches.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "ops/losses.h"

namespace dnabird::train {

using core::Tensor;

namespace {

constexpr std::int64_t kEvaluationTokens = 4096;

}  // namespace

std::int64_t TokenRows::tokens() const {
  std::int64_t n = 0;
  for (const auto& input : inputs) n += static_cast<std::int64_t>(input.size());
  return n;
}

std::int64_t TokenRows::labelled_tokens() const {
  std::int64_t n = 0;
  for (std::size_t row = 0; row < labels.size(); ++row) n += count_labels(*this, row);
  return n;
}

std::vector<std::vector<std::size_t>> plan_batches(const TokenRows& rows, std::int64_t batch_size,
                                                   std::int64_t block_size) {
  std::vector<std::vector<std::size_t>> batches;
  const auto step = static_cast<std::size_t>(batch_size);
  for (std::size_t begin = 0; begin < rows.inputs.size(); begin += step) {
    const std::size_t size = std::min(step, rows.inputs.size() - begin);
    for (std::vector<std::size_t>& group :
         model::group_by_blocks(std::span(rows.inputs).subspan(begin, size), block_size)) {
      for (std::size_t& row : group) row += begin;
      batches.push_back(std::move(group));
    }
  }
  return batches;
}

std::vector<std::vector<std::size_t>> plan_evaluation(const TokenRows& rows,
                                                      std::int64_t block_size) {
  std::vector<std::vector<std::size_t>> batches;
  for (const std::vector<std::size_t>& group :
       model::group_by_blocks(std::span(rows.inputs), block_size)) {
    const auto longest = static_cast<std::int64_t>(rows.inputs[group[0]].size());
    const auto at_once =
        static_cast<std::ptrdiff_t>(std::max<std::int64_t>(1, kEvaluationTokens / longest));
    for (auto begin = group.begin(); begin != group.end();) {
      const auto end = begin + std::min(at_once, group.end() - begin);
      batches.emplace_back(begin, end);
      begin = end;
    }
  }
  return batches;
}

std::int64_t count_labels(const TokenRows& rows, std::size_t row) {
  const std::vector<std::int32_t>& labels = rows.labels[row];
  return std::count_if(labels.begin(), labels.end(), [](std::int32_t label) { return label >= 0; });
}

void set_batch(core::KernelSet& kernels, const TokenRows& rows,
               std::span<const std::size_t> members, std::int64_t block_size,
               model::TokenBatch& batch) {
  std::vector<model::SequenceList::Sequence> sequences;
  for (const std::size_t row : members) sequences.push_back(rows.inputs[row]);
  model::set_token_batch(kernels, sequences, block_size, batch);
}

model::TokenBatch make_batch(core::KernelSet& kernels, const TokenRows& rows,
                             std::span<const std::size_t> members, std::int64_t block_size) {
  model::TokenBatch batch;
  set_batch(kernels, rows, members, block_size, batch);
  return batch;
}

std::vector<std::int32_t> labelled_rows(const TokenRows& rows, std::span<const std::size_t> members,
                                        std::int64_t tokens) {
  std::vector<std::int32_t> places;
  for (std::size_t b = 0; b < members.size(); ++b) {
    const std::vector<std::int32_t>& labels = rows.labels[members[b]];
    for (std::size_t t = 0; t < labels.size(); ++t) {
      if (labels[t] < 0) continue;
      places.push_back(static_cast<std::int32_t>(b * static_cast<std::size_t>(tokens) + t));
    }
  }
  return places;
}

void set_labelled_tokens(core::KernelSet& kernels, const TokenRows& rows,
                         std::span<const std::size_t> members, std::int64_t n_tokens,
                         std::int64_t least, LabelledTokens& tokens) {
  constexpr std::int32_t kNoLabel = -100;
  std::vector<std::int32_t> places = labelled_rows(rows, members, n_tokens);
  if (places.empty()) return;
  std::vector<std::int32_t> labels;
  for (const std::size_t member : members) {
    std::copy_if(rows.labels[member].begin(), rows.labels[member].end(), std::back_inserter(labels),
                 [](std::int32_t label) { return label >= 0; });
  }
  const auto n = std::max(least, static_cast<std::int64_t>(labels.size()));
  places.resize(static_cast<std::size_t>(n), places.back());
  labels.resize(static_cast<std::size_t>(n), kNoLabel);
  core::set_or_make(kernels, {n}, std::span<const std::int32_t>(places), tokens.rows);
  core::set_or_make(kernels, {n}, std::span<const std::int32_t>(labels), tokens.labels);
}

TokenLoss masked_token_loss(const model::Model& model, const Tensor& hidden,
                            const LabelledTokens& tokens, model::ForwardCache* cache) {
  TokenLoss loss;
  loss.logits = model.masked_lm_logits(hidden, tokens.rows, cache);  // (M,V)
  loss.losses =
      ops::cross_entropy_forward(loss.logits, tokens.labels, Tensor(), &loss.log_sum_exp);  // (M)
  return loss;
}

void masked_token_backward(model::Model& model, const TokenLoss& loss, const Tensor& labels,
                           const kernels::LossScale& scale, const model::ForwardCache& cache,
                           Tensor& dhidden) {
  const Tensor dlogits =
      ops::cross_entropy_backward(loss.logits, labels, Tensor(), loss.log_sum_exp, scale);  // (M,V)
  model.masked_lm_backward(dlogits, cache, dhidden);
}

}  // namespace dnabird::train
