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

namespace dnabird::test {

class ParityCase {
 public:
  ParityCase(core::KernelSet& kernels, const std::string& folder, const std::string& name)
      : name_(name),
        values_(io::read_safetensors(path(folder) + "cases.safetensors").tensors),
        model_(kernels, model::config_from_json(io::read_json(path(folder) + "config.json"))) {
    const auto weights = io::read_safetensors(path(folder) + "model.safetensors").tensors;
    for (const auto& [parameter, tensor] : weights) {
      model_.set_parameter(parameter, tensor.shape, tensor.floats());
    }
    make_batch();
    set_pattern();
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
    core::Tensor logits;  // (B*T,V), or (B,K) of a head
    double loss = 0;
  };
  Outputs forward(model::ForwardCache* cache = nullptr) {
    Outputs outputs;
    outputs.hidden = model_.encode(batch_, cache);
    outputs.logits = classifies() ? model_.head_output(outputs.hidden, cache)
                                  : model_.masked_lm_logits(outputs.hidden, all_rows(), cache);
    const core::Tensor losses = ops::cross_entropy_forward(outputs.logits, labels_, {}, &lse_);
    outputs.loss = kernels().sum(losses.size(), losses.data()) / counted_;
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
    return std::string(DNABIRD_TEST_DATA) + "/parity/" + folder + "/";
  }
  const io::HostTensor& tensor(const std::string& what) const {
    return values_.at(name_ + "." + what);
  }
  core::KernelSet& kernels() { return model_.kernels(); }
  bool classifies() const { return model_.config().task != model::HeadTask::none; }

  core::Tensor ints(const core::Shape& shape, const std::vector<std::int32_t>& values) {
    return core::Tensor::from_host(kernels(), shape, std::span<const std::int32_t>(values));
  }

  core::Tensor all_rows() {
    std::vector<std::int32_t> rows;
    for (std::int64_t row = 0; row < batch_.ids.size(); ++row) {
      rows.push_back(static_cast<std::int32_t>(row));
    }
    return ints({batch_.ids.size()}, rows);
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
    if (!has("labels")) return;
    const std::vector<std::int32_t> labels = tensor("labels").ints();
    labels_ = ints({static_cast<std::int64_t>(labels.size())}, labels);
    counted_ = static_cast<double>(
        std::count_if(labels.begin(), labels.end(), [](std::int32_t id) { return id >= 0; }));
  }

  /// In evaluation that library names block 0 in every random slot.
  std::int32_t random_block(std::int64_t layer, std::int64_t head, std::int64_t row,
                            std::int64_t slot, std::int64_t blocks) const {
    if (!has("random_blocks")) return 0;
    const io::HostTensor& table = tensor("random_blocks");
    return table.ints()[((layer * model_.config().heads + head) * (blocks - 2) + row - 1) *
                            model_.config().random_blocks +
                        slot];
  }

  void set_pattern() {
    const model::ModelConfig& config = model_.config();
    const std::int64_t blocks = (batch_.tokens + config.block_size - 1) / config.block_size;
    std::vector<model::BlockPattern> layers;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      if (blocks <= 5 + 2 * config.random_blocks) {
        layers.push_back(model::dense_pattern(blocks, config.block_size));
        continue;
      }
      std::vector<std::vector<std::vector<std::int32_t>>> lists(config.heads);
      for (std::int64_t head = 0; head < config.heads; ++head) {
        for (std::int64_t row = 0; row < blocks; ++row) {
          lists[head].push_back(blocks_of_row(layer, head, row, blocks));
        }
      }
      layers.push_back(model::list_pattern(lists, config.block_size));
    }
    model_.set_pattern(blocks, layers);
  }

  std::vector<std::int32_t> blocks_of_row(std::int64_t layer, std::int64_t head, std::int64_t row,
                                          std::int64_t blocks) const {
    std::vector<std::int32_t> keys;
    for (std::int32_t key = 0; key < blocks; ++key) {
      const bool global = key == 0 || key == blocks - 1 || row == 0 || row == blocks - 1;
      if (global || std::abs(key - row) <= 1) keys.push_back(key);
    }
    if (row == 0 || row == blocks - 1) return keys;
    for (std::int64_t slot = 0; slot < model_.config().random_blocks; ++slot) {
      keys.push_back(random_block(layer, head, row, slot, blocks));
    }
    return keys;
  }

  std::string name_;
  std::map<std::string, io::HostTensor> values_;
  model::Model model_;
  model::TokenBatch batch_;
  core::Tensor labels_, lse_;  // (B*T) or (B)
  double counted_ = 0;
};

}  // namespace dnabird::test
