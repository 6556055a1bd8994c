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
/// The same in place of what `batch` holds (model::set_token_batch).
void set_batch(core::KernelSet& kernels, const TokenRows& rows,
               std::span<const std::size_t> members, std::int64_t block_size,
               model::TokenBatch& batch);

/// How many of a row's tokens have a label.
std::int64_t count_labels(const TokenRows& rows, std::size_t row);

/// Where the members' labelled tokens lie in a batch padded to `tokens`, as rows of (B*T).
std::vector<std::int32_t> labelled_rows(const TokenRows& rows, std::span<const std::size_t> members,
                                        std::int64_t tokens);

/// The labelled tokens of a batch.
struct LabelledTokens {
  core::Tensor rows;    // (M) i32, of hidden states seen as (B*T,C)
  core::Tensor labels;  // (M) i32, negative = none
};
/// Of the members of a batch padded to `n_tokens`, in the tensors of `tokens` where they are of
/// that shape; filled up to `least` with tokens without a label. Empty if there is none.
void set_labelled_tokens(core::KernelSet& kernels, const TokenRows& rows,
                         std::span<const std::size_t> members, std::int64_t n_tokens,
                         std::int64_t least, LabelledTokens& tokens);

/// What labelled tokens cost.
struct TokenLoss {
  core::Tensor losses;       // (M): -log p(true token), natural log
  core::Tensor logits;       // (M,V)
  core::Tensor log_sum_exp;  // (M), for backward
};

/// The masked-token head on labelled tokens, at least one, of hidden (B,T,C).
TokenLoss masked_token_loss(const model::Model& model, const core::Tensor& hidden,
                            const LabelledTokens& tokens, model::ForwardCache* cache);
/// Adds `scale` times its gradient to dhidden (B,T,C) and to the parameters' gradients.
void masked_token_backward(model::Model& model, const TokenLoss& loss, const core::Tensor& labels,
                           const kernels::LossScale& scale, const model::ForwardCache& cache,
                           core::Tensor& dhidden);

}  // namespace dnabird::train
