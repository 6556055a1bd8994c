#include "model/layers.h"

#include "ops/block_attention.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "ops/tanh.h"

namespace dnabird::model {

using core::Tensor;

namespace {

const std::string kEmbeddings = "bert.embeddings.";
const std::string kPredictions = "cls.predictions.";

// Each use of dropout in a step draws a stream of its own.
std::int64_t use_in_embeddings() { return 0; }
std::int64_t use_after_attention(std::int64_t layer) { return 1 + 2 * layer; }
std::int64_t use_after_feed_forward(std::int64_t layer) { return 2 + 2 * layer; }
std::int64_t use_before_head(const ModelConfig& config) { return 1 + 2 * config.layers; }
std::int64_t use_inside_head(const ModelConfig& config) { return 2 + 2 * config.layers; }

std::optional<ops::Dropout> dropout_for(const LayerContext& context, std::int64_t use) {
  if (context.noise == nullptr || context.config.dropout == 0) return std::nullopt;
  return ops::Dropout{context.config.dropout, context.noise->seed, static_cast<std::uint64_t>(use),
                      context.noise->step};
}

void drop(const LayerContext& context, std::int64_t use, Tensor& x) {
  if (const auto dropout = dropout_for(context, use)) ops::dropout_forward(*dropout, x);
}

/// dy itself when there is no dropout: callers only read what this returns.
Tensor drop_backward(const LayerContext& context, std::int64_t use, const Tensor& dy) {
  const auto dropout = dropout_for(context, use);
  return dropout ? ops::dropout_backward(*dropout, dy) : dy;
}

Tensor dense(const LayerContext& context, const std::string& name, const Tensor& x) {
  const Parameters& p = context.parameters;
  return ops::linear_forward(x, p.value(name + ".weight"), p.value(name + ".bias"));
}

Tensor dense_backward(const LayerContext& context, const std::string& name, const Tensor& x,
                      const Tensor& dy) {
  const Parameters& p = context.parameters;
  return ops::linear_backward(x, p.value(name + ".weight"), dy, p.gradient(name + ".weight"),
                              p.gradient(name + ".bias"));
}

/// What ends the two parts of a layer, with one use of dropout.
ops::ResidualNorm residual_norm(const LayerContext& context, const std::string& name,
                                std::int64_t use) {
  const Parameters& p = context.parameters;
  return {p.value(name + ".weight"), p.value(name + ".bias"), context.config.epsilon,
          dropout_for(context, use).value_or(ops::Dropout{})};
}

ops::ResidualNormGradients residual_norm_backward(const LayerContext& context,
                                                  const std::string& name, std::int64_t use,
                                                  const Tensor& s, const ops::LayerNormSaved& saved,
                                                  const Tensor& dy) {
  const Parameters& p = context.parameters;
  return ops::residual_norm_backward(residual_norm(context, name, use), s, saved, dy,
                                     p.gradient(name + ".weight"), p.gradient(name + ".bias"));
}

Tensor norm(const LayerContext& context, const std::string& name, const Tensor& x,
            ops::LayerNormSaved* saved) {
  const Parameters& p = context.parameters;
  return ops::layer_norm_forward(x, p.value(name + ".weight"), p.value(name + ".bias"),
                                 context.config.epsilon, saved);
}

Tensor norm_backward(const LayerContext& context, const std::string& name, const Tensor& x,
                     const ops::LayerNormSaved& saved, const Tensor& dy) {
  const Parameters& p = context.parameters;
  return ops::layer_norm_backward(x, p.value(name + ".weight"), saved, dy,
                                  p.gradient(name + ".weight"), p.gradient(name + ".bias"));
}

void add_dense(Parameters& parameters, const std::string& name, std::int64_t out, std::int64_t in) {
  parameters.add(name + ".weight", {out, in}, Decay::yes);
  parameters.add(name + ".bias", {out}, Decay::no);
}

void add_norm(Parameters& parameters, const std::string& name, std::int64_t channels) {
  parameters.add(name + ".weight", {channels}, Decay::no);
  parameters.add(name + ".bias", {channels}, Decay::no);
}

void add_layer(const ModelConfig& config, std::int64_t layer, Parameters& parameters) {
  const std::string at = layer_prefix(layer);
  const std::int64_t c = config.channels, f = config.feed_forward;
  // Side by side, so that three products are one.
  for (const char* part : {"query", "key", "value"}) {
    parameters.add(at + "attention.self." + part + ".weight", {c, c}, Decay::yes);
  }
  for (const char* part : {"query", "key", "value"}) {
    if (config.qkv_bias) parameters.add(at + "attention.self." + part + ".bias", {c}, Decay::no);
  }
  add_dense(parameters, at + "attention.output.dense", c, c);
  add_norm(parameters, at + "attention.output.LayerNorm", c);
  add_dense(parameters, at + "intermediate.dense", f, c);
  add_dense(parameters, at + "output.dense", c, f);
  add_norm(parameters, at + "output.LayerNorm", c);
}

std::string decoder_weight(const ModelConfig& config) {
  return config.tied_decoder ? kEmbeddings + "word_embeddings.weight"
                             : kPredictions + "decoder.weight";
}

/// Biases of query, key and value, or their gradients, as one; empty if they have none.
Tensor qkv_biases(const LayerContext& context, const std::string& at) {
  if (!context.config.qkv_bias) return {};
  return context.parameters.value_span(at + "self.query.bias", {3 * context.config.channels});
}

Tensor qkv_bias_gradients(const LayerContext& context, const std::string& at) {
  if (!context.config.qkv_bias) return {};
  return context.parameters.gradient_span(at + "self.query.bias", {3 * context.config.channels});
}

ops::EmbeddingTables embedding_values(const Parameters& p) {
  return {p.value(kEmbeddings + "word_embeddings.weight"),
          p.value(kEmbeddings + "position_embeddings.weight"),
          p.value(kEmbeddings + "token_type_embeddings.weight")};
}

ops::EmbeddingTables embedding_gradients(const Parameters& p) {
  return {p.gradient(kEmbeddings + "word_embeddings.weight"),
          p.gradient(kEmbeddings + "position_embeddings.weight"),
          p.gradient(kEmbeddings + "token_type_embeddings.weight")};
}

/// Attention with its projection, residual and norm. The function's own buffers end with it, so
/// inference never holds them beside those of the feed-forward part.
/// With `rows` (M) only these are computed behind the attention itself, (M,C).
Tensor attention_forward(const LayerContext& context, std::int64_t layer,
                         const AttentionInputs& inputs, const Tensor& x, const Tensor* rows,
                         LayerCache* cache) {
  const ModelConfig& config = context.config;
  const std::string at = layer_prefix(layer) + "attention.";
  const std::int64_t batch = x.dim(0), tokens = x.dim(1), channels = config.channels;
  const Tensor w =
      context.parameters.value_span(at + "self.query.weight", {3 * channels, channels});
  Tensor qkv = ops::linear_forward(x, w, qkv_biases(context, at))
                   .reshape({batch, tokens, 3, config.heads, config.head_size()});  // (B,T,3,H,D)
  Tensor log_sum_exp;                                                               // (B,H,T)
  const Tensor heads = ops::block_attention_forward(qkv, inputs.lengths, inputs.pattern.view(),
                                                    &log_sum_exp);  // (B,T,H,D)
  if (cache == nullptr) qkv = Tensor();         // the largest buffer of the part
  const Tensor all = heads.reshape(x.shape());  // (B,T,C)
  Tensor sum =
      dense(context, at + "output.dense", rows ? ops::copy_rows(all, *rows) : all);  // (B,T,C)
  Tensor y = ops::residual_norm_forward(
      residual_norm(context, at + "output.LayerNorm", use_after_attention(layer)), sum,
      rows ? ops::copy_rows(x, *rows) : x, cache ? &cache->attention_norm : nullptr);  // (B,T,C)
  if (cache != nullptr) {
    cache->input = x;
    cache->qkv = qkv;
    cache->context = heads;
    cache->log_sum_exp = log_sum_exp;
    cache->attention_sum = sum;
    cache->attended = y;
  }
  return y;
}

Tensor attention_backward(const LayerContext& context, std::int64_t layer,
                          const AttentionInputs& inputs, const LayerCache& cache,
                          const Tensor& dy) {
  const std::string at = layer_prefix(layer) + "attention.";
  const std::int64_t channels = context.config.channels;
  const Tensor& x = cache.input;
  const Tensor w =
      context.parameters.value_span(at + "self.query.weight", {3 * channels, channels});
  const Tensor dw =
      context.parameters.gradient_span(at + "self.query.weight", {3 * channels, channels});
  auto [dprojected, dsum] =
      residual_norm_backward(context, at + "output.LayerNorm", use_after_attention(layer),
                             cache.attention_sum, cache.attention_norm, dy);  // (B,T,C) both
  const Tensor all = cache.context.reshape(x.shape());                        // (B,T,C)
  const bool some = !cache.rows.index.is_empty();
  Tensor dheads =
      dense_backward(context, at + "output.dense",
                     some ? ops::copy_rows(all, cache.rows.index) : all, dprojected);  // (B,T,C)
  if (some) {
    dheads = ops::spread_rows(dheads, cache.rows.place);                 // (B*T,C)
    dsum = ops::spread_rows(dsum, cache.rows.place).reshape(x.shape());  // (B,T,C)
  }
  const Tensor dqkv = ops::block_attention_backward(
      {cache.qkv, cache.context, cache.log_sum_exp}, inputs.lengths, inputs.pattern.view(),
      dheads.reshape(cache.context.shape()));  // (B,T,3,H,D)
  ops::linear_backward_add(x, w, dqkv.reshape({x.dim(0), x.dim(1), 3 * channels}), dw,
                           qkv_bias_gradients(context, at), dsum);
  return dsum;
}

Tensor feed_forward_forward(const LayerContext& context, std::int64_t layer, const Tensor& x,
                            LayerCache* cache) {
  const std::string at = layer_prefix(layer);
  const Parameters& p = context.parameters;
  const Tensor activated = ops::linear_gelu_forward(
      x, p.value(at + "intermediate.dense.weight"), p.value(at + "intermediate.dense.bias"),
      context.config.gelu, cache ? &cache->up : nullptr);       // (B,T,F)
  Tensor sum = dense(context, at + "output.dense", activated);  // (B,T,C)
  Tensor y = ops::residual_norm_forward(
      residual_norm(context, at + "output.LayerNorm", use_after_feed_forward(layer)), sum, x,
      cache ? &cache->output_norm : nullptr);  // (B,T,C)
  if (cache != nullptr) {
    cache->activated = activated;
    cache->output_sum = sum;
  }
  return y;
}

Tensor feed_forward_backward(const LayerContext& context, std::int64_t layer,
                             const LayerCache& cache, const Tensor& dy) {
  const std::string at = layer_prefix(layer);
  auto [ddown, dsum] =
      residual_norm_backward(context, at + "output.LayerNorm", use_after_feed_forward(layer),
                             cache.output_sum, cache.output_norm, dy);  // (B,T,C) both
  const Parameters& p = context.parameters;
  const std::string down = at + "output.dense", name = at + "intermediate.dense";
  const Tensor dup = ops::linear_backward_through_gelu(
      {cache.up, cache.activated, context.config.gelu}, p.value(down + ".weight"), ddown,
      p.gradient(down + ".weight"), p.gradient(down + ".bias"));  // (B,T,F)
  ops::linear_backward_add(cache.attended, p.value(name + ".weight"), dup,
                           p.gradient(name + ".weight"), p.gradient(name + ".bias"), dsum);
  return dsum;
}

}  // namespace

std::string layer_prefix(std::int64_t layer) {
  return "bert.encoder.layer." + std::to_string(layer) + ".";
}

void add_parameters(const ModelConfig& config, Parameters& parameters) {
  const std::int64_t c = config.channels;
  parameters.add(kEmbeddings + "word_embeddings.weight", {config.vocabulary, c}, Decay::yes);
  parameters.add(kEmbeddings + "position_embeddings.weight", {config.positions, c}, Decay::yes);
  parameters.add(kEmbeddings + "token_type_embeddings.weight", {config.token_types, c}, Decay::yes);
  add_norm(parameters, kEmbeddings + "LayerNorm", c);
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    add_layer(config, layer, parameters);
  }
  if (config.masked_lm) {
    add_dense(parameters, kPredictions + "transform.dense", c, c);
    add_norm(parameters, kPredictions + "transform.LayerNorm", c);
    parameters.add(kPredictions + "bias", {config.vocabulary}, Decay::no);
    if (!config.tied_decoder) {
      parameters.add(decoder_weight(config), {config.vocabulary, c}, Decay::yes);
    }
  }
  if (config.task != HeadTask::none) {
    const HeadNames head = head_names(config);
    add_dense(parameters, head.dense, c, c);
    add_dense(parameters, head.output, static_cast<std::int64_t>(config.targets.size()), c);
  }
}

Tensor embeddings_forward(const LayerContext& context, const TokenBatch& batch,
                          EmbeddingCache* cache) {
  const Tensor sum =
      ops::embedding_forward(batch.ids, embedding_values(context.parameters));  // (B,T,C)
  ops::LayerNormSaved saved;
  Tensor y = norm(context, kEmbeddings + "LayerNorm", sum, &saved);  // (B,T,C)
  drop(context, use_in_embeddings(), y);                             // (B,T,C)
  if (cache != nullptr) *cache = {sum, saved};
  return y;
}

void embeddings_backward(const LayerContext& context, const TokenBatch& batch,
                         const EmbeddingCache& cache, const Tensor& dy) {
  const Tensor dnorm = drop_backward(context, use_in_embeddings(), dy);  // (B,T,C)
  const Tensor dsum =
      norm_backward(context, kEmbeddings + "LayerNorm", cache.sum, cache.norm, dnorm);  // (B,T,C)
  ops::embedding_backward(batch.ids, batch.lengths, dsum, embedding_gradients(context.parameters));
}

Tensor encoder_layer_forward(const LayerContext& context, std::int64_t layer,
                             const AttentionInputs& inputs, const Tensor& x, LayerCache* cache) {
  const Tensor attended = attention_forward(context, layer, inputs, x, nullptr, cache);  // (B,T,C)
  return feed_forward_forward(context, layer, attended, cache);                          // (B,T,C)
}

Tensor encoder_layer_rows(const LayerContext& context, std::int64_t layer,
                          const AttentionInputs& inputs, const Tensor& x, const Tensor& rows,
                          LayerCache* cache) {
  const Tensor attended = attention_forward(context, layer, inputs, x, &rows, cache);  // (M,C)
  return feed_forward_forward(context, layer, attended, cache);                        // (M,C)
}

Tensor encoder_layer_backward(const LayerContext& context, std::int64_t layer,
                              const AttentionInputs& inputs, const LayerCache& cache,
                              const Tensor& dy) {
  const Tensor dattended = feed_forward_backward(context, layer, cache, dy);  // (B,T,C)
  return attention_backward(context, layer, inputs, cache, dattended);        // (B,T,C)
}

Tensor masked_lm_forward(const LayerContext& context, const Tensor& hidden, const Tensor& rows,
                         MaskedLmCache* cache) {
  const Parameters& p = context.parameters;
  const Tensor picked = ops::gather_rows(hidden, rows);                                 // (M,C)
  const Tensor transformed = dense(context, kPredictions + "transform.dense", picked);  // (M,C)
  const Tensor activated = ops::gelu_forward(context.config.gelu, transformed);         // (M,C)
  ops::LayerNormSaved saved;
  const Tensor normed =
      norm(context, kPredictions + "transform.LayerNorm", activated, &saved);  // (M,C)
  if (cache != nullptr) *cache = {rows, picked, transformed, activated, saved, normed};
  return ops::linear_forward(normed, p.value(decoder_weight(context.config)),
                             p.value(kPredictions + "bias"));  // (M,V)
}

void masked_lm_backward(const LayerContext& context, const MaskedLmCache& cache,
                        const Tensor& dlogits, Tensor& dhidden) {
  const Parameters& p = context.parameters;
  const std::string decoder = decoder_weight(context.config);
  const Tensor dnormed =
      ops::linear_backward(cache.normed, p.value(decoder), dlogits, p.gradient(decoder),
                           p.gradient(kPredictions + "bias"));  // (M,C)
  const Tensor dactivated = norm_backward(context, kPredictions + "transform.LayerNorm",
                                          cache.activated, cache.norm, dnormed);           // (M,C)
  const Tensor ddense = ops::gelu_backward(context.config.gelu, cache.dense, dactivated);  // (M,C)
  const Tensor dpicked =
      dense_backward(context, kPredictions + "transform.dense", cache.hidden, ddense);  // (M,C)
  ops::scatter_add_rows(dpicked, cache.rows, dhidden);                                  // (B,T,C)
}

Tensor head_forward(const LayerContext& context, const Tensor& hidden, const Tensor& rows,
                    HeadCache* cache) {
  const bool is_bert = context.config.architecture == Architecture::bert;
  const HeadNames names = head_names(context.config);
  Tensor cls = ops::gather_rows(hidden, rows);                        // (B,C)
  if (!is_bert) drop(context, use_before_head(context.config), cls);  // (B,C)
  const Tensor inner = dense(context, names.dense, cls);              // (B,C)
  Tensor activated = is_bert ? ops::tanh_forward(inner)               // (B,C)
                             : ops::gelu_forward(context.config.gelu, inner);
  const Tensor before_dropout = activated;
  if (is_bert && dropout_for(context, use_inside_head(context.config))) {
    activated = Tensor::empty(inner.kernels(), inner.shape(), inner.dtype());
    activated.copy_from(before_dropout);
  }
  drop(context, use_inside_head(context.config), activated);  // (B,C)
  if (cache != nullptr) {
    cache->rows = rows;
    cache->cls = cls;
    cache->dense = is_bert ? before_dropout : inner;
    cache->activated = activated;
  }
  return dense(context, names.output, activated);  // (B,K)
}

void head_backward(const LayerContext& context, const HeadCache& cache, const Tensor& doutput,
                   Tensor& dhidden) {
  const bool is_bert = context.config.architecture == Architecture::bert;
  const HeadNames names = head_names(context.config);
  const Tensor ddropped = dense_backward(context, names.output, cache.activated, doutput);  // (B,C)
  const Tensor dactivated =
      drop_backward(context, use_inside_head(context.config), ddropped);  // (B,C)
  const Tensor dinner = is_bert ? ops::tanh_backward(cache.dense, dactivated)
                                : ops::gelu_backward(context.config.gelu, cache.dense,
                                                     dactivated);                      // (B,C)
  Tensor dcls = dense_backward(context, names.dense, cache.cls, dinner);               // (B,C)
  if (!is_bert) dcls = drop_backward(context, use_before_head(context.config), dcls);  // (B,C)
  ops::scatter_add_rows(dcls, cache.rows, dhidden);                                    // (B,T,C)
}

}  // namespace dnabird::model
