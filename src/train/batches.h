// The sequences of one training step, or of a dev set, as batches that a model can take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "model/model.h"
#include "model/token_batch.h"

namespace dnabird::train {

/// Token ids (R), each sequence with [CLS] and [SEP], and labels of its masked tokens.
struct TokenRows {
  std::vector<std::vector<std::int32_t>> inputs;  // what the model reads
  std::vector<std::vector<std::int32_t>> labels;  // as long; negative = none; empty = no token
  std::int64_t tokens() const;
  std::int64_t labelled_tokens() const;
};

/// Row numbers of each batch: `batch_size` rows one after the other, split by the number of blocks
/// that they span. What a step adds up does not depend on it.
std::vector<std::vector<std::size_t>> plan_batches(const TokenRows& rows, std::int64_t batch_size,
                                                   std::int64_t block_size);
/// The same for a whole set that is only read: rows of as many blocks side by side, as many at once
/// as a forward pass keeps in the processor's caches.
std::vector<std::vector<std::size_t>> plan_evaluation(const TokenRows& rows,
                                                      std::int64_t block_size);

model::TokenBatch make_batch(core::KernelSet& kernels, const TokenRows& rows,
                             std::span<const std::size_t> members, std::int64_t block_size);

/// Where the members' labelled tokens lie in a batch padded to `tokens`, as rows of (B*T).
std::vector<std::int32_t> labelled_rows(const TokenRows& rows, std::span<const std::size_t> members,
                                        std::int64_t tokens);

/// What a batch's labelled tokens cost.
struct TokenLoss {
  double sum = 0;               // of -log p(true token), natural log
  std::int64_t tokens = 0;      // labelled
  std::int64_t called = 0;      // of these the model's first choice; counted without a cache only
  core::Tensor logits, labels;  // (M,V), (M): for backward
  core::Tensor log_sum_exp;     // (M)
};

/// The masked-token head on the labelled tokens of a batch alone. hidden (B,T,C) of the members.
TokenLoss masked_token_loss(const model::Model& model, const core::Tensor& hidden,
                            const TokenRows& rows, std::span<const std::size_t> members,
                            model::ForwardCache* cache);
/// Adds `scale` times its gradient to dhidden (B,T,C) and to the parameters' gradients.
void masked_token_backward(model::Model& model, const TokenLoss& loss, double scale,
                           const model::ForwardCache& cache, core::Tensor& dhidden);

}  // namespace dnabird::train
