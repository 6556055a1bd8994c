// The layers as forward and backward pairs over named parameters, and the caches between them.
// Formulas and names: Hugging Face BigBird (transformers, models/big_bird/modeling_big_bird.py),
// dropout of the embeddings behind their norm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "model/block_pattern.h"
#include "model/model.h"
#include "model/model_config.h"
#include "model/parameters.h"
#include "model/token_batch.h"
#include "ops/layer_norm.h"

namespace dnabird::model {

/// What the names of a layer's parameters begin with.
std::string layer_prefix(std::int64_t layer);

/// What every layer reads.
struct LayerContext {
  const ModelConfig& config;
  const Parameters& parameters;  // backward adds to their gradients
  const StepNoise* noise;        // null: no dropout
};

/// Which keys the queries of one layer read.
struct AttentionInputs {
  const core::Tensor& lengths;  // (B) i32
  const FixedPattern& pattern;
};

struct EmbeddingCache {
  core::Tensor sum;  // (B,T,C) before the norm
  ops::LayerNormSaved norm;
};

/// (B,T) is (M) behind the attention of a layer for some rows.
struct LayerCache {
  SomeRows rows;               // that it computes behind its attention; all if empty
  core::Tensor input;          // (B,T,C)
  core::Tensor qkv;            // (B,T,3,H,D)
  core::Tensor context;        // (B,T,H,D), of all rows
  core::Tensor log_sum_exp;    // (B,H,T)
  core::Tensor attention_sum;  // (B,T,C) before the first norm
  ops::LayerNormSaved attention_norm;
  core::Tensor attended;    // (B,T,C) behind it
  core::Tensor up;          // (B,T,F) before the activation
  core::Tensor activated;   // (B,T,F)
  core::Tensor output_sum;  // (B,T,C) before the second norm
  ops::LayerNormSaved output_norm;
};

struct EncoderCache {
  std::optional<StepNoise> noise;
  TokenBatch batch;
  std::vector<std::shared_ptr<const FixedPattern>> patterns;  // one for each layer, or one
  EmbeddingCache embeddings;
  std::vector<LayerCache> layers;
};

struct MaskedLmCache {
  core::Tensor rows;       // (M) i32
  core::Tensor hidden;     // (M,C)
  core::Tensor dense;      // (M,C)
  core::Tensor activated;  // (M,C)
  ops::LayerNormSaved norm;
  core::Tensor normed;  // (M,C)
};

struct HeadCache {
  std::optional<StepNoise> noise;
  core::Tensor rows;       // (B) i32: where each sequence's [CLS] lies
  core::Tensor cls;        // (B,C) behind dropout
  core::Tensor dense;      // (B,C): what the activation's backward asks for, GELU its input, tanh
                           // its output
  core::Tensor activated;  // (B,C) behind dropout
};

/// Registers every parameter of the configuration, query, key and value side by side.
void add_parameters(const ModelConfig& config, Parameters& parameters);

/// Hidden states (B,T,C): sum of embeddings, norm, dropout. `cache` may be null in all of these.
core::Tensor embeddings_forward(const LayerContext& context, const TokenBatch& batch,
                                EmbeddingCache* cache);
void embeddings_backward(const LayerContext& context, const TokenBatch& batch,
                         const EmbeddingCache& cache, const core::Tensor& dy);

/// One encoder layer, (B,T,C) to (B,T,C).
core::Tensor encoder_layer_forward(const LayerContext& context, std::int64_t layer,
                                   const AttentionInputs& inputs, const core::Tensor& x,
                                   LayerCache* cache);
/// The same for rows (M) i32 of x seen as (B*T,C): (M,C). Without dropout it has the same bytes.
core::Tensor encoder_layer_rows(const LayerContext& context, std::int64_t layer,
                                const AttentionInputs& inputs, const core::Tensor& x,
                                const core::Tensor& rows, LayerCache* cache);
/// `dy` is of what forward gave, (B,T,C) or (M,C).
core::Tensor encoder_layer_backward(const LayerContext& context, std::int64_t layer,
                                    const AttentionInputs& inputs, const LayerCache& cache,
                                    const core::Tensor& dy);

/// Logits (M,V) of rows (M) of hidden (B,T,C).
core::Tensor masked_lm_forward(const LayerContext& context, const core::Tensor& hidden,
                               const core::Tensor& rows, MaskedLmCache* cache);
/// Adds to dhidden (B,T,C).
void masked_lm_backward(const LayerContext& context, const MaskedLmCache& cache,
                        const core::Tensor& dlogits, core::Tensor& dhidden);

/// Output (B,K) of rows (B) of hidden (B,T,C).
core::Tensor head_forward(const LayerContext& context, const core::Tensor& hidden,
                          const core::Tensor& rows, HeadCache* cache);
/// Adds to dhidden (B,T,C).
void head_backward(const LayerContext& context, const HeadCache& cache, const core::Tensor& doutput,
                   core::Tensor& dhidden);

}  // namespace dnabird::model
