// A model and a case of tests/data/parity on a kernel set (see the README there).
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/model_folder.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "ops/losses.h"
#include "ops/sums.h"
#include "support/test_data.h"

namespace dnabird::test {

class ParityCase {
 public:
  ParityCase(core::KernelSet& kernels, const std::string& folder, const std::string& name)
      : name_(name),
        values_(io::read_safetensors(path(folder) + "cases.safetensors").tensors),
        model_(kernels, config_of(folder)) {
    const auto weights = io::read_safetensors(path(folder) + "model.safetensors").tensors;
    for (const auto& [parameter, tensor] : weights) {
      model_.set_parameter(parameter, tensor.shape, tensor.floats());
    }
    make_batch();
  }

  model::Model& model() { return model_; }
  const model::TokenBatch& batch() const { return batch_; }
  bool has(const std::string& what) const { return values_.count(name_ + "." + what) != 0; }
  std::vector<double> values(const std::string& what) const { return tensor(what).doubles(); }
  double loss_expected() const { return values("loss")[0]; }

  /// Which rows (b,t) hold a token, in order.
  std::vector<std::int64_t> token_rows() const {
    const std::vector<std::int32_t> mask = tensor("attention_mask").ints();
    std::vector<std::int64_t> rows;
    for (std::size_t row = 0; row < mask.size(); ++row) {
      if (mask[row] == 1) rows.push_back(static_cast<std::int64_t>(row));
    }
    return rows;
  }

  struct Outputs {
    core::Tensor hidden;  // (B,T,C)
    core::Tensor logits;  // (B*T,V), of the rows with a label alone if none are stored, or (B,K)
    double loss = 0;
  };
  Outputs forward(model::ForwardCache* cache = nullptr) {
    Outputs outputs;
    outputs.hidden = model_.encode(batch_, cache);
    outputs.logits = classifies() ? model_.head_output(outputs.hidden, cache)
                                  : model_.masked_lm_logits(outputs.hidden, rows_, cache);
    if (!has("labels")) return outputs;
    const core::Tensor losses = ops::cross_entropy_forward(outputs.logits, labels_, {}, &lse_);
    outputs.loss = ops::sum(losses).to_doubles()[0] / counted_;
    return outputs;
  }

  /// Gradients of the loss into the model's own; returns the loss.
  double backward() {
    model_.parameters().gradients().zero();
    model::ForwardCache cache;
    const Outputs outputs = forward(&cache);
    const core::Tensor dlogits =
        ops::cross_entropy_backward(outputs.logits, labels_, {}, lse_, 1.0 / counted_);
    core::Tensor dhidden = core::Tensor::zeros(kernels(), outputs.hidden.shape());  // (B,T,C)
    if (classifies()) {
      model_.head_backward(dlogits, cache, dhidden);
    } else {
      model_.masked_lm_backward(dlogits, cache, dhidden);
    }
    model_.encode_backward(dhidden, cache);
    return outputs.loss;
  }

 private:
  static std::string path(const std::string& folder) {
    return support::test_data_folder() + "/parity/" + folder + "/";
  }
  const io::HostTensor& tensor(const std::string& what) const {
    return values_.at(name_ + "." + what);
  }
  core::KernelSet& kernels() { return model_.kernels(); }
  bool classifies() const { return model_.config().task != model::HeadTask::none; }

  core::Tensor ints(const core::Shape& shape, const std::vector<std::int32_t>& values) {
    return core::Tensor::from_host(kernels(), shape, std::span<const std::int32_t>(values));
  }

  /// Padded as the other library pads: shorter sequences may span fewer blocks.
  void make_batch() {
    const io::HostTensor& ids = tensor("input_ids");
    batch_.batch = ids.shape[0];
    batch_.tokens = ids.shape[1];
    std::vector<std::int32_t> lengths(batch_.batch, 0);
    for (const std::int64_t row : token_rows()) ++lengths[row / batch_.tokens];
    batch_.ids = ints(ids.shape, ids.ints());
    batch_.lengths = ints({batch_.batch}, lengths);
    if (has("labels")) count_labels(tensor("labels").ints());
    if (classifies()) return;
    std::vector<std::int32_t> rows;
    for (std::int32_t row = 0; row < static_cast<std::int32_t>(batch_.ids.size()); ++row) {
      if (has("logits") || has_label_[static_cast<std::size_t>(row)]) rows.push_back(row);
    }
    rows_ = ints({static_cast<std::int64_t>(rows.size())}, rows);
  }

  void count_labels(std::vector<std::int32_t> labels) {
    for (const std::int32_t label : labels) has_label_.push_back(label >= 0);
    counted_ = static_cast<double>(std::count(has_label_.begin(), has_label_.end(), true));
    if (!classifies() && !has("logits")) {
      std::erase_if(labels, [](std::int32_t label) { return label < 0; });
    }
    labels_ = ints({static_cast<std::int64_t>(labels.size())}, labels);
  }

  /// In training that library draws its random blocks; in evaluation they stay zero.
  model::ModelConfig config_of(const std::string& folder) const {
    model::ModelConfig config =
        model::config_from_json(io::read_json(path(folder) + "config.json"));
    if (!has("random_blocks")) return config;
    const std::vector<std::int32_t> table = tensor("random_blocks").ints();
    if (std::any_of(table.begin(), table.end(), [](std::int32_t block) { return block != 0; })) {
      config.pattern_mode = model::PatternMode::hf_train;
    }
    return config;
  }

  std::string name_;
  std::map<std::string, io::HostTensor> values_;
  model::Model model_;
  model::TokenBatch batch_;
  std::vector<bool> has_label_;  // (B*T) or (B)
  core::Tensor rows_;            // whose logits are computed
  core::Tensor labels_, lse_;    // of those, or (B)
  double counted_ = 0;
};

}  // namespace dnabird::test
