// BigBird encoder (post-norm) with heads: const layers, explicit backward, no tape. All that
// backward needs goes into a cache that the caller owns; no cache = inference.
// Parameter names and formulas: Hugging Face BigBirdForMaskedLM and
// BigBirdForSequenceClassification, and the same of Bert, which is this with dense attention and
// another head.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "model/block_pattern.h"
#include "model/model_config.h"
#include "model/parameters.h"
#include "model/token_batch.h"

namespace dnabird::model {

/// Dropout of one training step; every use inside draws a stream of its own from these. The step
/// lies in the memory of the model's kernel set: another number there is another step.
struct StepNoise {
  std::uint64_t seed = 0;
  core::Tensor step;  // (2) i32: the 64 bits, low half first
};
/// The noise of `step` for models of these kernels.
StepNoise step_noise(core::KernelSet& kernels, std::uint64_t seed, std::uint64_t step);
/// The same in place of what `noise` holds.
void set_step_noise(core::KernelSet& kernels, std::uint64_t seed, std::uint64_t step,
                    StepNoise& noise);

/// Some rows of hidden states (B,T,C) seen as (B*T,C), and the way back.
struct SomeRows {
  core::Tensor index;  // (M) i32, rising, each row once
  core::Tensor place;  // (B*T) i32: where in `index` a row stands, M where it does not
};
/// Of `rows`, in any order, repeated or not, which lie in [0, all); rows from the front are added
/// until there are `least` of them, or all. Into the tensors of `some` where they are of that size.
/// Throws std::logic_error if there are none or others.
void set_some_rows(core::KernelSet& kernels, std::vector<std::int32_t> rows, std::int64_t all,
                   std::int64_t least, SomeRows& some);

/// What the attention of a layer reads of inputs of N blocks: dense if the configuration says so,
/// or in the modes of transformers for up to 5 + 2r blocks, where that library leaves block-sparse
/// attention.
BlockPattern pattern_of_layer(const ModelConfig& config, std::int64_t blocks, std::int64_t layer);

/// Told in backward that the gradients of the flat array are final from element `from` on, of what
/// the device has been given so far.
using GradientsReady = std::function<void(std::int64_t from)>;

struct LayerContext;
struct EncoderCache;  // opaque to callers; see layers.h
struct MaskedLmCache;
struct HeadCache;

/// Caches live on the heap behind these, so callers need not know what is in them.
class ForwardCache {
 public:
  ForwardCache();
  ~ForwardCache();
  ForwardCache(ForwardCache&&) noexcept;
  ForwardCache& operator=(ForwardCache&&) noexcept;

 private:
  friend class Model;
  std::unique_ptr<EncoderCache> encoder_;
  std::unique_ptr<MaskedLmCache> masked_lm_;
  std::unique_ptr<HeadCache> head_;
};

class Model {
 public:
  /// Zero parameters; `kernels` must outlive the model.
  Model(core::KernelSet& kernels, ModelConfig config);
  ~Model();

  const ModelConfig& config() const { return config_; }
  core::KernelSet& kernels() const { return kernels_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

  /// All parameters to initial_values().
  void initialize(std::uint64_t seed);
  /// For parameters that a loaded model lacks (a new head): the same by name.
  void initialize(const std::string& name, std::uint64_t seed);
  /// Sets one parameter. Throws DataError that names it and both shapes, or that it is unknown.
  void set_parameter(const std::string& name, const core::Shape& shape,
                     std::span<const float> values);
  /// The patterns of every layer for inputs of N blocks, in place of the config's own.
  void set_pattern(std::int64_t blocks, const std::vector<BlockPattern>& layers);

  /// Throws DataError if T exceeds the position table or an id the vocabulary.
  void check_batch(const TokenBatch& batch) const;

  /// Last hidden states (B,T,C). Throws as check_batch. Rows behind a
  /// sequence's end hold finite values without meaning.
  core::Tensor encode(const TokenBatch& batch, ForwardCache* cache = nullptr,
                      const StepNoise* noise = nullptr) const;
  /// encode() for a loss that reads `rows` alone:
  /// behind its attention the last layer computes no others, and they are 0. What dhidden holds
  /// outside them, encode_backward does not read.
  core::Tensor encode_for_loss(const TokenBatch& batch, const SomeRows& rows, ForwardCache& cache,
                               const StepNoise* noise) const;
  /// Rows (M) i32 of encode()'s result seen as (B*T,C), the same bytes: (M,C). The last layer
  /// computes nothing else behind its attention.
  core::Tensor encode_rows(const TokenBatch& batch, const core::Tensor& rows) const;
  /// The same for each sequence's [CLS]: (B,1,C).
  core::Tensor encode_cls(const TokenBatch& batch) const;
  /// Hidden states right after the embeddings' norm (B,T,C), for tests.
  core::Tensor embed(const TokenBatch& batch) const;
  /// Accumulates the encoder's parameter gradients. dhidden (B,T,C). `ready`, if any, is called
  /// behind each layer, the last one first, with its begin (layer_begin()), and with 0 at the end;
  /// so the heads' backward must come before.
  void encode_backward(const core::Tensor& dhidden, const ForwardCache& cache,
                       const GradientsReady& ready = nullptr);
  /// Where the parameters of a layer begin in the flat arrays: behind those of the embeddings and
  /// of the layers before it. The heads' lie behind the last layer's.
  std::int64_t layer_begin(std::int64_t layer) const;

  /// Logits (M,V) of the masked-token head for M rows of hidden seen as (B*T,C);
  /// rows (M) i32. The decoder is the word embedding unless the configuration unties them.
  core::Tensor masked_lm_logits(const core::Tensor& hidden, const core::Tensor& rows,
                                ForwardCache* cache = nullptr) const;
  /// Adds to dhidden (B,T,C) and to the gradients. dlogits (M,V).
  void masked_lm_backward(const core::Tensor& dlogits, const ForwardCache& cache,
                          core::Tensor& dhidden);

  /// Output (B,K) of the task's head on [CLS], the first of each sequence in hidden: logits, or
  /// values in units of the targets.
  core::Tensor head_output(const core::Tensor& hidden, ForwardCache* cache = nullptr,
                           const StepNoise* noise = nullptr) const;
  /// Adds to dhidden (B,T,C) and to the gradients. doutput (B,K).
  void head_backward(const core::Tensor& doutput, const ForwardCache& cache, core::Tensor& dhidden);

  /// Mean over each sequence's k-mer tokens ([CLS], [SEP] and padding left out): (B,C).
  core::Tensor pool(const core::Tensor& hidden, const TokenBatch& batch) const;

 private:
  /// One pattern for each layer, or one for all of them.
  using LayerPatterns = std::vector<std::shared_ptr<const FixedPattern>>;
  LayerPatterns patterns(std::int64_t blocks) const;
  /// Embeddings and all layers but the last.
  core::Tensor encode_to_last(const LayerContext& context, const TokenBatch& batch,
                              const LayerPatterns& layer_patterns, EncoderCache* kept) const;
  core::Tensor rows_of_cls(std::int64_t batch, std::int64_t tokens) const;  // (B) i32
  core::KernelSet& kernels_;
  ModelConfig config_;
  Parameters parameters_;
  std::map<std::int64_t, LayerPatterns> given_patterns_;          // set_pattern, by N
  mutable std::map<std::int64_t, LayerPatterns> drawn_patterns_;  // the config's own, by N
};

}  // namespace dnabird::model
