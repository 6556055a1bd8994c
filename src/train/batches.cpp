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
  for (const auto& row : labels) {
    n += std::count_if(row.begin(), row.end(), [](std::int32_t label) { return label >= 0; });
  }
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

model::TokenBatch make_batch(core::KernelSet& kernels, const TokenRows& rows,
                             std::span<const std::size_t> members, std::int64_t block_size) {
  std::vector<model::SequenceList::Sequence> sequences;
  for (const std::size_t row : members) sequences.push_back(rows.inputs[row]);
  return model::make_token_batch(kernels, sequences, block_size);
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

TokenLoss masked_token_loss(const model::Model& model, const Tensor& hidden, const TokenRows& rows,
                            std::span<const std::size_t> members, model::ForwardCache* cache) {
  const std::vector<std::int32_t> places = labelled_rows(rows, members, hidden.dim(1));
  std::vector<std::int32_t> labels;
  for (const std::size_t member : members) {
    std::copy_if(rows.labels[member].begin(), rows.labels[member].end(), std::back_inserter(labels),
                 [](std::int32_t label) { return label >= 0; });
  }
  TokenLoss loss;
  loss.tokens = static_cast<std::int64_t>(labels.size());
  if (labels.empty()) return loss;
  core::KernelSet& kernels = model.kernels();
  const core::Shape shape{loss.tokens};
  loss.labels = Tensor::from_host(kernels, shape, std::span<const std::int32_t>(labels));
  loss.logits = model.masked_lm_logits(
      hidden, Tensor::from_host(kernels, shape, std::span<const std::int32_t>(places)),
      cache);  // (M,V)
  const Tensor losses =
      ops::cross_entropy_forward(loss.logits, loss.labels, Tensor(), &loss.log_sum_exp);  // (M)
  loss.sum = kernels.sum(losses.size(), losses.data());
  if (cache != nullptr) return loss;
  const std::vector<float> logits = loss.logits.to_floats();
  const std::int64_t classes = loss.logits.dim(1);
  for (std::size_t m = 0; m < labels.size(); ++m) {
    const auto begin = logits.begin() + static_cast<std::int64_t>(m) * classes;
    loss.called += std::max_element(begin, begin + classes) - begin == labels[m] ? 1 : 0;
  }
  return loss;
}

void masked_token_backward(model::Model& model, const TokenLoss& loss, double scale,
                           const model::ForwardCache& cache, Tensor& dhidden) {
  if (loss.tokens == 0) return;
  const Tensor dlogits = ops::cross_entropy_backward(loss.logits, loss.labels, Tensor(),
                                                     loss.log_sum_exp, scale);  // (M,V)
  model.masked_lm_backward(dlogits, cache, dhidden);
}

}  // namespace dnabird::train
