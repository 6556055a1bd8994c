// Sum of token, position and token-type embeddings.
#pragma once

#include "core/tensor.h"

namespace dnabird::ops {

/// The three tables, or their gradients.
struct EmbeddingTables {
  core::Tensor word;        // (V,C)
  core::Tensor position;    // (P,C)
  core::Tensor token_type;  // (>=1,C), row 0 is used
};

/// y (B,T,C) = word[ids] + position[t] + token_type[0], for ids (B,T) i32. The caller ensures that
/// every id lies in [0, V). Throws std::logic_error if the shapes do not fit or T exceeds P.
core::Tensor embedding_forward(const core::Tensor& ids, const EmbeddingTables& tables);

/// Adds the gradients of the tables for dy (B,T,C); positions from lengths[b] on, lengths (B) i32,
/// are padding and add nothing.
void embedding_backward(const core::Tensor& ids, const core::Tensor& lengths,
                        const core::Tensor& dy, EmbeddingTables gradients);

}  // namespace dnabird::ops
