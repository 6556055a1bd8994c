// A small model with random parameters, a batch for it and the losses of its heads: one scalar
// function of every parameter, on any kernel set.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "ops/losses.h"
#include "ops/sums.h"
#include "support/random_values.h"

namespace dnabird::test {

/// Two layers, masked-token head and a task's head, dropout; 21 tokens, blocks of 16.
inline model::ModelConfig small_config(model::HeadTask task, kernels::Gelu gelu) {
  model::ModelConfig config;
  config.k = 2;
  config.vocabulary = 21;
  config.channels = 8;
  config.layers = 2;
  config.heads = 2;
  config.feed_forward = 12;
  config.positions = 64;
  config.block_size = 16;
  config.random_blocks = 1;
  config.gelu = gelu;
  config.dropout = 0.2;
  config.task = task;
  if (task != model::HeadTask::none) config.targets = {"a", "b", "c"};
  return config;
}

/// Values of the size that trained parameters have; nothing is zero, norms are not one. Rounded to
/// float, so that kernels in f32 and f64 get the same numbers.
inline void randomize(model::Model& model, std::uint64_t seed) {
  RandomValues random(seed);
  for (const model::ParameterInfo& parameter : model.parameters().list()) {
    const bool vector = parameter.shape.size() == 1;
    const bool gain = parameter.name.ends_with("LayerNorm.weight");
    const double scale =
        vector ? 0.2 : 1.0 / std::sqrt(static_cast<double>(parameter.shape.back()));
    core::Tensor value = model.parameters().value(parameter.name);
    value.set(std::span<const double>(random.normals(value.size(), scale, gain ? 1.0 : 0.0)));
  }
}

/// Lists of random blocks with repetitions, the row's own among them: multiplicities 1 to 4.
inline model::BlockPattern random_list_pattern(std::int64_t heads, std::int64_t blocks,
                                               std::int64_t block_size, RandomValues& random) {
  std::vector<std::vector<std::vector<std::int32_t>>> lists(heads);
  for (auto& rows : lists) {
    for (std::int64_t row = 0; row < blocks; ++row) {
      rows.push_back({static_cast<std::int32_t>(row), random.below(blocks), random.below(blocks),
                      random.below(blocks)});
    }
  }
  return model::list_pattern(lists, block_size);
}

class TrainingCase {
 public:
  /// Sequences of `lengths` tokens, which must span the same number of blocks.
  TrainingCase(core::KernelSet& kernels, const model::ModelConfig& config,
               const std::vector<std::int64_t>& lengths, std::uint64_t seed = 1)
      : model_(kernels, config), noise_(model::step_noise(kernels, seed, 17)), random_(seed) {
    randomize(model_, seed + 1);
    std::vector<std::vector<std::int32_t>> sequences;
    for (const std::int64_t length : lengths) {
      sequences.push_back(random_.integers(length, config.vocabulary));
    }
    batch_ = model::make_token_batch(kernels, sequences, config.block_size);
    choose_hidden_tokens(lengths);
    choose_truth(static_cast<std::int64_t>(lengths.size()));
  }

  model::Model& model() { return model_; }
  const model::TokenBatch& batch() const { return batch_; }

  /// Random lists with multiplicities for every layer and head, in place of the config's pattern.
  void use_random_lists() {
    const model::ModelConfig& config = model_.config();
    const std::int64_t blocks = (batch_.tokens + config.block_size - 1) / config.block_size;
    std::vector<model::BlockPattern> layers;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      layers.push_back(random_list_pattern(config.heads, blocks, config.block_size, random_));
    }
    model_.set_pattern(blocks, layers);
  }

  /// From now on the encoder computes for the losses' rows alone (Model::encode_for_loss).
  void read_few_rows() { few_rows_ = true; }

  /// Sum of the heads' mean losses.
  double loss() { return forward(nullptr); }

  /// Gradients of that sum into the model's own.
  void backward(const model::GradientsReady& ready = nullptr) {
    model_.parameters().gradients().zero();
    model::ForwardCache cache;
    forward(&cache);
    core::Tensor dhidden =
        core::Tensor::zeros(model_.kernels(), outputs_.at("hidden").shape());  // (B,T,C)
    model_.masked_lm_backward(
        ops::cross_entropy_backward(outputs_.at("logits"), labels_, {}, log_sum_exp_, lm_scale()),
        cache, dhidden);
    if (model_.config().task != model::HeadTask::none) {
      model_.head_backward(head_gradient(), cache, dhidden);
    }
    model_.encode_backward(dhidden, cache, ready);
  }

  /// "hidden" (B,T,C), "logits" (M,V), "output" (B,K) of the last forward.
  const std::map<std::string, core::Tensor>& outputs() const { return outputs_; }

 private:
  /// About every fourth token of each sequence, ends included.
  void choose_hidden_tokens(const std::vector<std::int64_t>& lengths) {
    std::vector<std::int32_t> rows;
    for (std::size_t b = 0; b < lengths.size(); ++b) {
      for (std::int64_t t = 0; t < lengths[b]; t += 1 + random_.below(7)) {
        rows.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(b) * batch_.tokens + t));
      }
    }
    std::vector<std::int32_t> labels =
        random_.integers(static_cast<std::int64_t>(rows.size()), model_.config().vocabulary);
    labels[1] = -100;
    rows_ = ints(rows);
    labels_ = ints(labels);
  }

  void choose_truth(std::int64_t batch) {
    const auto targets = static_cast<std::int64_t>(model_.config().targets.size());
    if (targets == 0) return;
    classes_ = ints(random_.integers(batch, targets));
    const bool labels = model_.config().task == model::HeadTask::multi_label;
    std::vector<double> truth = random_.normals(batch * targets);
    for (double& value : truth) value = labels ? (value > 0 ? 1 : 0) : value;
    truth[1] = std::numeric_limits<double>::quiet_NaN();
    truth_ =
        core::Tensor::from_host(model_.kernels(), {batch, targets}, std::span<const double>(truth));
    weights_ = core::Tensor::from_host(
        model_.kernels(), {targets}, std::span<const double>(std::vector<double>{0.5, 2.0, 1.25}));
  }

  core::Tensor ints(const std::vector<std::int32_t>& values) const {
    return core::Tensor::from_host(model_.kernels(), {static_cast<std::int64_t>(values.size())},
                                   std::span<const std::int32_t>(values));
  }

  double lm_scale() const { return 1.0 / static_cast<double>(labels_.size() - 1); }
  double head_scale() const {
    const core::Tensor& output = outputs_.at("output");
    return 1.0 / static_cast<double>(model_.config().task == model::HeadTask::classification
                                         ? output.dim(0)
                                         : output.size());
  }

  core::Tensor encode(model::ForwardCache* cache) {
    if (!few_rows_) return model_.encode(batch_, cache, &noise_);
    std::vector<std::int32_t> rows = rows_.to_ints();
    for (std::int64_t b = 0; b < batch_.batch; ++b) {  // [CLS]
      rows.push_back(static_cast<std::int32_t>(b * batch_.tokens));
    }
    model::ForwardCache not_kept;
    model::SomeRows read;
    model::set_some_rows(model_.kernels(), std::move(rows), batch_.batch * batch_.tokens, 0, read);
    return model_.encode_for_loss(batch_, read, cache ? *cache : not_kept, &noise_);
  }

  double forward(model::ForwardCache* cache) {
    const core::Tensor hidden = encode(cache);
    const core::Tensor logits = model_.masked_lm_logits(hidden, rows_, cache);
    outputs_ = {{"hidden", hidden}, {"logits", logits}};
    const core::Tensor losses = ops::cross_entropy_forward(logits, labels_, {}, &log_sum_exp_);
    double total = lm_scale() * sum(losses);
    if (model_.config().task == model::HeadTask::none) return total;
    outputs_["output"] = model_.head_output(hidden, cache, &noise_);
    return total + head_scale() * sum(head_losses());
  }

  core::Tensor head_losses() {
    const core::Tensor& output = outputs_.at("output");
    switch (model_.config().task) {
      case model::HeadTask::classification:
        return ops::cross_entropy_forward(output, classes_, weights_, &head_log_sum_exp_);
      case model::HeadTask::multi_label:
        return ops::binary_cross_entropy_forward(output, truth_, weights_);
      default:
        return ops::squared_error_forward(output, truth_, weights_);
    }
  }

  core::Tensor head_gradient() const {
    const core::Tensor& output = outputs_.at("output");
    switch (model_.config().task) {
      case model::HeadTask::classification:
        return ops::cross_entropy_backward(output, classes_, weights_, head_log_sum_exp_,
                                           head_scale());
      case model::HeadTask::multi_label:
        return ops::binary_cross_entropy_backward(output, truth_, weights_, head_scale());
      default:
        return ops::squared_error_backward(output, truth_, weights_, head_scale());
    }
  }

  double sum(const core::Tensor& losses) const { return ops::sum(losses).to_doubles()[0]; }

  model::Model model_;
  model::StepNoise noise_;
  RandomValues random_;
  model::TokenBatch batch_;
  bool few_rows_ = false;
  core::Tensor rows_, labels_;              // (M) i32
  core::Tensor classes_, truth_, weights_;  // (B) i32, (B,K), (K)
  core::Tensor log_sum_exp_, head_log_sum_exp_;
  std::map<std::string, core::Tensor> outputs_;
};

}  // namespace dnabird::test
