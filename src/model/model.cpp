#include "model/model.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/errors.h"
#include "model/hf_random_blocks.h"
#include "model/initializer.h"
#include "model/layers.h"
#include "ops/rows.h"

namespace dnabird::model {

using core::Tensor;

namespace {

// How many block counts the drawn patterns are kept for; they can be drawn again.
constexpr std::size_t kKeptPatterns = 32;

const FixedPattern& pattern_of(const std::vector<std::shared_ptr<const FixedPattern>>& patterns,
                               std::int64_t layer) {
  return *patterns[patterns.size() == 1 ? 0 : layer];
}

const StepNoise* pointer_to(const std::optional<StepNoise>& noise) {
  return noise ? &*noise : nullptr;
}

std::int64_t blocks_of(const TokenBatch& batch, const ModelConfig& config) {
  return (batch.tokens + config.block_size - 1) / config.block_size;
}

std::optional<StepNoise> copy_of(const StepNoise* noise) {
  return noise == nullptr ? std::nullopt : std::optional<StepNoise>(*noise);
}

}  // namespace

void set_step_noise(core::KernelSet& kernels, std::uint64_t seed, std::uint64_t step,
                    StepNoise& noise) {
  const auto halves = std::bit_cast<std::array<std::int32_t, 2>>(step);
  noise.seed = seed;
  core::set_or_make(kernels, {2}, std::span<const std::int32_t>(halves), noise.step);
}

StepNoise step_noise(core::KernelSet& kernels, std::uint64_t seed, std::uint64_t step) {
  StepNoise noise;
  set_step_noise(kernels, seed, step, noise);
  return noise;
}

BlockPattern pattern_of_layer(const ModelConfig& config, std::int64_t blocks, std::int64_t layer) {
  if (config.full_attention) return dense_pattern(blocks, config.block_size);
  if (config.pattern_mode == PatternMode::uniform) {
    return uniform_pattern({config.heads, blocks, config.block_size, config.random_blocks,
                            config.pattern_seed, layer});
  }
  if (blocks <= 5 + 2 * config.random_blocks) return dense_pattern(blocks, config.block_size);
  if (config.pattern_mode == PatternMode::hf_eval) {
    return slots_pattern(hf_eval_blocks(blocks, config.random_blocks), config.block_size);
  }
  return slots_pattern(hf_train_blocks({config.heads, blocks, config.block_size,
                                        config.random_blocks, config.positions, layer}),
                       config.block_size);
}

void set_some_rows(core::KernelSet& kernels, std::vector<std::int32_t> rows, std::int64_t all,
                   std::int64_t least, SomeRows& some) {
  std::vector<bool> is_in(all);
  std::int64_t n = 0;
  for (const std::int32_t row : rows) {
    core::require(row >= 0 && row < all, "a row that is not in the batch");
    if (!is_in[row]) ++n;
    is_in[row] = true;
  }
  core::require(n > 0, "no rows of a batch");
  for (std::int64_t row = 0; row < all && n < least; ++row) {
    if (!is_in[row]) ++n;
    is_in[row] = true;
  }
  std::vector<std::int32_t> place(all, static_cast<std::int32_t>(n));
  rows.clear();
  for (std::int64_t row = 0; row < all; ++row) {
    if (!is_in[row]) continue;
    place[row] = static_cast<std::int32_t>(rows.size());
    rows.push_back(static_cast<std::int32_t>(row));
  }
  core::set_or_make(kernels, {n}, std::span<const std::int32_t>(rows), some.index);
  core::set_or_make(kernels, {all}, std::span<const std::int32_t>(place), some.place);
}

ForwardCache::ForwardCache() = default;
ForwardCache::~ForwardCache() = default;
ForwardCache::ForwardCache(ForwardCache&&) noexcept = default;
ForwardCache& ForwardCache::operator=(ForwardCache&&) noexcept = default;

Model::Model(core::KernelSet& kernels, ModelConfig config)
    : kernels_(kernels), config_(std::move(config)) {
  config_.validate();
  add_parameters(config_, parameters_);
  parameters_.allocate(kernels_);
}

Model::~Model() = default;

void Model::initialize(std::uint64_t seed) {
  for (const ParameterInfo& parameter : parameters_.list()) initialize(parameter.name, seed);
}

void Model::initialize(const std::string& name, std::uint64_t seed) {
  const std::vector<float> values = initial_values(config_, parameters_.info(name), seed);
  parameters_.value(name).set(std::span<const float>(values));
}

void Model::set_parameter(const std::string& name, const core::Shape& shape,
                          std::span<const float> values) {
  if (!parameters_.has(name)) {
    throw core::DataError("tensor " + name + " is unknown to a model of this configuration");
  }
  Tensor value = parameters_.value(name);
  if (value.shape() != shape) {
    throw core::DataError("tensor " + name + " has shape " + core::to_string(shape) +
                          ", expected " + core::to_string(value.shape()));
  }
  value.set(values);
}

void Model::set_pattern(std::int64_t blocks, const std::vector<BlockPattern>& layers) {
  core::require(static_cast<std::int64_t>(layers.size()) == config_.layers,
                "set_pattern: expected one pattern for each layer");
  LayerPatterns patterns;
  for (const BlockPattern& pattern : layers) {
    core::require(pattern.blocks == blocks && pattern.block_size == config_.block_size &&
                      (pattern.heads == 1 || pattern.heads == config_.heads),
                  "set_pattern: the pattern is of another number of blocks or heads");
    patterns.push_back(std::make_shared<const FixedPattern>(pattern));
  }
  given_patterns_[blocks] = std::move(patterns);
}

Model::LayerPatterns Model::patterns(std::int64_t blocks) const {
  if (const auto given = given_patterns_.find(blocks); given != given_patterns_.end()) {
    return given->second;
  }
  if (const auto drawn = drawn_patterns_.find(blocks); drawn != drawn_patterns_.end()) {
    return drawn->second;
  }
  LayerPatterns patterns;
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    const BlockPattern pattern = pattern_of_layer(config_, blocks, layer);
    patterns.push_back(std::make_shared<const FixedPattern>(pattern));
    // Then it is the same for all layers.
    if (pattern.is_dense() || config_.pattern_mode == PatternMode::hf_eval) break;
  }
  if (drawn_patterns_.size() >= kKeptPatterns) drawn_patterns_.clear();
  return drawn_patterns_[blocks] = patterns;
}

void Model::check_batch(const TokenBatch& batch) const {
  if (batch.tokens > config_.positions) {
    throw core::DataError("a sequence of " + std::to_string(batch.tokens) +
                          " tokens is longer than the " + std::to_string(config_.positions) +
                          " positions of the model; cut it into windows");
  }
  if (batch.largest_id >= config_.vocabulary) {
    throw core::DataError("token id " + std::to_string(batch.largest_id) +
                          " is not in the model's vocabulary of " +
                          std::to_string(config_.vocabulary));
  }
}

Tensor Model::encode_to_last(const LayerContext& context, const TokenBatch& batch,
                             const LayerPatterns& layer_patterns, EncoderCache* kept) const {
  if (kept != nullptr) {
    kept->noise = copy_of(context.noise);
    kept->batch = batch;
    kept->patterns = layer_patterns;
    kept->layers.resize(config_.layers);
  }
  Tensor hidden =
      embeddings_forward(context, batch, kept ? &kept->embeddings : nullptr);  // (B,T,C)
  for (std::int64_t layer = 0; layer < config_.layers - 1; ++layer) {
    hidden = encoder_layer_forward(context, layer,
                                   {batch.lengths, pattern_of(layer_patterns, layer)}, hidden,
                                   kept ? &kept->layers[layer] : nullptr);  // (B,T,C)
  }
  return hidden;
}

Tensor Model::encode(const TokenBatch& batch, ForwardCache* cache, const StepNoise* noise) const {
  check_batch(batch);
  const LayerContext context{config_, parameters_, noise};
  const LayerPatterns layer_patterns = patterns(blocks_of(batch, config_));
  if (cache != nullptr) cache->encoder_ = std::make_unique<EncoderCache>();
  EncoderCache* kept = cache ? cache->encoder_.get() : nullptr;
  const Tensor hidden = encode_to_last(context, batch, layer_patterns, kept);  // (B,T,C)
  const std::int64_t last = config_.layers - 1;
  return encoder_layer_forward(context, last, {batch.lengths, pattern_of(layer_patterns, last)},
                               hidden, kept ? &kept->layers[last] : nullptr);  // (B,T,C)
}

Tensor Model::encode_for_loss(const TokenBatch& batch, const SomeRows& rows, ForwardCache& cache,
                              const StepNoise* noise) const {
  check_batch(batch);
  core::require(rows.place.size() == batch.batch * batch.tokens, "rows of another batch");
  const LayerContext context{config_, parameters_, noise};
  const LayerPatterns layer_patterns = patterns(blocks_of(batch, config_));
  cache.encoder_ = std::make_unique<EncoderCache>();
  EncoderCache& kept = *cache.encoder_;
  const Tensor hidden = encode_to_last(context, batch, layer_patterns, &kept);  // (B,T,C)
  const std::int64_t last = config_.layers - 1;
  LayerCache& layer = kept.layers[last];
  layer.rows = rows;
  const Tensor some =
      encoder_layer_rows(context, last, {batch.lengths, pattern_of(layer_patterns, last)}, hidden,
                         layer.rows.index, &layer);                         // (M,C)
  return ops::spread_rows(some, layer.rows.place).reshape(hidden.shape());  // (B,T,C)
}

Tensor Model::encode_rows(const TokenBatch& batch, const Tensor& rows) const {
  check_batch(batch);
  const LayerContext context{config_, parameters_, nullptr};
  const LayerPatterns layer_patterns = patterns(blocks_of(batch, config_));
  const Tensor hidden = encode_to_last(context, batch, layer_patterns, nullptr);  // (B,T,C)
  const std::int64_t last = config_.layers - 1;
  return encoder_layer_rows(context, last, {batch.lengths, pattern_of(layer_patterns, last)},
                            hidden, rows, nullptr);  // (M,C)
}

Tensor Model::encode_cls(const TokenBatch& batch) const {
  return encode_rows(batch, rows_of_cls(batch.batch, batch.tokens))
      .reshape({batch.batch, 1, config_.channels});
}

Tensor Model::rows_of_cls(std::int64_t batch, std::int64_t tokens) const {
  std::vector<std::int32_t> rows(batch);
  for (std::int64_t b = 0; b < batch; ++b) rows[b] = static_cast<std::int32_t>(b * tokens);
  return Tensor::from_host(kernels_, {batch}, std::span<const std::int32_t>(rows));
}

Tensor Model::embed(const TokenBatch& batch) const {
  check_batch(batch);
  return embeddings_forward({config_, parameters_, nullptr}, batch, nullptr);
}

void Model::encode_backward(const Tensor& dhidden, const ForwardCache& cache,
                            const GradientsReady& ready) {
  core::require(cache.encoder_ != nullptr, "encode_backward without a forward cache");
  const EncoderCache& kept = *cache.encoder_;
  const LayerContext context{config_, parameters_, pointer_to(kept.noise)};
  const Tensor& rows = kept.layers.back().rows.index;
  Tensor gradient = rows.is_empty() ? dhidden : ops::copy_rows(dhidden, rows);  // (B,T,C) or (M,C)
  for (std::int64_t layer = config_.layers - 1; layer >= 0; --layer) {
    gradient = encoder_layer_backward(context, layer,
                                      {kept.batch.lengths, pattern_of(kept.patterns, layer)},
                                      kept.layers[layer], gradient);  // (B,T,C)
    if (ready) ready(layer_begin(layer));
  }
  embeddings_backward(context, kept.batch, kept.embeddings, gradient);
  if (ready) ready(0);
}

std::int64_t Model::layer_begin(std::int64_t layer) const {
  return parameters_.info(layer_prefix(layer) + "attention.self.query.weight").begin;
}

Tensor Model::masked_lm_logits(const Tensor& hidden, const Tensor& rows,
                               ForwardCache* cache) const {
  if (!config_.masked_lm) {
    throw core::DataError(
        "the model has no masked-token head; choose one that has been pretrained");
  }
  if (cache != nullptr) cache->masked_lm_ = std::make_unique<MaskedLmCache>();
  return masked_lm_forward({config_, parameters_, nullptr}, hidden, rows,
                           cache ? cache->masked_lm_.get() : nullptr);
}

void Model::masked_lm_backward(const Tensor& dlogits, const ForwardCache& cache, Tensor& dhidden) {
  core::require(cache.masked_lm_ != nullptr, "masked_lm_backward without a forward cache");
  model::masked_lm_backward({config_, parameters_, nullptr}, *cache.masked_lm_, dlogits, dhidden);
}

Tensor Model::head_output(const Tensor& hidden, ForwardCache* cache, const StepNoise* noise) const {
  if (config_.task == HeadTask::none) {
    throw core::DataError("the model has no head for a task; fine-tune it for one first");
  }
  const Tensor rows = rows_of_cls(hidden.dim(0), hidden.dim(1));
  if (cache != nullptr) {
    cache->head_ = std::make_unique<HeadCache>();
    cache->head_->noise = copy_of(noise);
  }
  return head_forward({config_, parameters_, noise}, hidden, rows,
                      cache ? cache->head_.get() : nullptr);
}

void Model::head_backward(const Tensor& doutput, const ForwardCache& cache, Tensor& dhidden) {
  core::require(cache.head_ != nullptr, "head_backward without a forward cache");
  model::head_backward({config_, parameters_, pointer_to(cache.head_->noise)}, *cache.head_,
                       doutput, dhidden);
}

Tensor Model::pool(const Tensor& hidden, const TokenBatch& batch) const {
  const std::vector<std::int32_t> begin(static_cast<std::size_t>(batch.batch), 1);  // behind [CLS]
  return ops::mean_rows(
      hidden, Tensor::from_host(kernels_, {batch.batch}, std::span<const std::int32_t>(begin)),
      batch.kmer_ends);
}

}  // namespace dnabird::model
