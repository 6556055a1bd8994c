// The work of a model: the one place where FLOPs are counted.
//
// Only matrix products count, a multiply-add as two. Forward, for B sequences of T tokens:
//   linear layers   B T L 2 (4 C^2 + 2 C F)
//   attention       B 4 D sum over layers, heads and active block pairs of (queries x keys of it)
//   masked tokens   M 2 (C^2 + C V) for the M rows whose logits are computed; of the last layer
//   only
//                   these are computed behind the attention in training
// Blocks that no list names cost nothing here, and a pair listed several times counts once.
// Backward counts as two forward passes: scores that a kernel computes once more are not work done.
#pragma once

#include <cstdint>

#include "model/model_config.h"

namespace dnabird::benchmarks {

/// FLOPs of the encoder's layers, forward, on `batch` sequences of `tokens`.
double encoder_flops(const model::ModelConfig& config, std::int64_t batch, std::int64_t tokens);

/// Those of `rows` rows of a layer behind its attention.
double behind_attention_flops(const model::ModelConfig& config, std::int64_t rows);

/// FLOPs of the masked-token head on `rows` rows, forward.
double masked_lm_flops(const model::ModelConfig& config, std::int64_t rows);

/// FLOPs of forward and backward on the cross-entropy of `labelled` tokens of `batch` sequences.
double masked_step_flops(const model::ModelConfig& config, std::int64_t batch, std::int64_t tokens,
                         std::int64_t labelled);

/// FLOPs of forward and backward for what costs `forward`.
inline double training_flops(double forward) { return 3 * forward; }

}  // namespace dnabird::benchmarks
