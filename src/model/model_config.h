// What a model is, typed: the keys of config.json (`model_type: big_bird`), ours under "dnabird".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/kernel_set.h"

namespace dnabird::model {

/// Where the random blocks of the attention come from. `list` is set from outside (tests, other
/// people's tables) through Model::set_pattern and never stands in a config.
enum class PatternMode { uniform, list };

/// What the head on [CLS] predicts. Its loss: cross-entropy, binary cross-entropy, squared error.
enum class HeadTask { none, classification, multi_label, regression };

struct ModelConfig {
  std::int64_t vocabulary = 0;               // vocab_size
  std::int64_t channels = 128;               // hidden_size
  std::int64_t layers = 4;                   // num_hidden_layers
  std::int64_t heads = 4;                    // num_attention_heads
  std::int64_t feed_forward = 512;           // intermediate_size
  std::int64_t positions = 512;              // max_position_embeddings
  std::int64_t token_types = 2;              // type_vocab_size
  std::int64_t block_size = 64;              // 16, 32 or 64
  std::int64_t random_blocks = 3;            // num_random_blocks
  kernels::Gelu gelu = kernels::Gelu::tanh;  // hidden_act: gelu_new | gelu
  double epsilon = 1e-12;                    // layer_norm_eps
  double dropout = 0.1;  // hidden_dropout_prob; attention probabilities have none
  double initializer_range = 0.02;

  // Under "dnabird":
  PatternMode pattern_mode = PatternMode::uniform;
  std::uint64_t pattern_seed = 1;
  int k = 6;
  int stride = 1;
  bool masked_lm = true;  // has the masked-token head
  HeadTask task = HeadTask::none;
  std::vector<std::string> targets;  // names: of classes, labels or regression targets
  std::int64_t window_bases = 0;     // what score and annotate cut; 0 = all positions
  std::int64_t tss_offset = -1;      // promoter models: base of the window that is the start site
  nlohmann::json provenance =
      nlohmann::json::object();  // what made it: version, command, seed, data, metrics

  std::int64_t head_size() const { return channels / heads; }
  /// Throws DataError naming the key, its value and what it must be.
  void validate() const;
};

/// Throws DataError naming the key; unknown keys of the field's layout are left alone, unknown keys
/// under "dnabird" are an error.
ModelConfig config_from_json(const nlohmann::json& json);
nlohmann::json config_to_json(const ModelConfig& config);

}  // namespace dnabird::model
