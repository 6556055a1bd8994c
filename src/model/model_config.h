// What a model is, typed: the keys of config.json (`model_type: big_bird` or `bert`), ours under
// "dnabird".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/tensor.h"
#include "kernels/kernel_set.h"

namespace dnabird::model {

/// Where the random blocks of the attention come from: our own draw, or what transformers uses in
/// evaluation or in training (hf_random_blocks.h). A table of one's own is set through
/// Model::set_pattern.
enum class PatternMode { uniform, hf_eval, hf_train };

/// By their names: uniform, hf_eval, hf_train.
std::optional<PatternMode> pattern_mode_from(const std::string& name);
const char* name_of(PatternMode mode);

/// model_type. BERT is the same encoder with dense attention and another head on [CLS].
enum class Architecture { big_bird, bert };

/// As model_type has it: big_bird, bert.
const char* name_of(Architecture architecture);

/// What the head on [CLS] predicts. Its loss: cross-entropy, binary cross-entropy, squared error.
enum class HeadTask { none, classification, multi_label, regression };

struct ModelConfig {
  Architecture architecture = Architecture::big_bird;
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
  bool full_attention = false;  // attention_type: original_full; always so of BERT
  bool qkv_bias = true;         // use_bias: of queries, keys and values
  bool tied_decoder = true;     // tie_word_embeddings: masked-token decoder = word embedding
  /// Of the tokenizer, handed on to who reads what we write: [CLS], [SEP] and [PAD].
  std::optional<std::int64_t> bos_token = 2, eos_token = 3, sep_token = 3, pad_token = 0;

  // Under "dnabird":
  PatternMode pattern_mode = PatternMode::uniform;
  std::uint64_t pattern_seed = 1;
  int k = 6;  // 0: tokens are not k-mers
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

/// The two layers of the head on [CLS]; parameters are NAME.weight and NAME.bias. Those of
/// BigBirdForSequenceClassification, or pooler and classifier of BertForSequenceClassification.
struct HeadNames {
  std::string dense, output;
};
HeadNames head_names(const ModelConfig& config);

/// Throws DataError naming the key; unknown keys of the field's layout are left alone, unknown keys
/// under "dnabird" are an error. Without "dnabird" it is another program's: random blocks as that
/// one has them in evaluation, heads by `architectures` (settle_heads looks at the tensors).
ModelConfig config_from_json(const nlohmann::json& json);

/// rescale_embeddings of a config.json: word embeddings are used times sqrt(hidden_size). No model
/// here does that; who loads such a one loads the products (pipelines/load_parameters.h).
bool rescales_embeddings(const nlohmann::json& json);

/// Names here (tensor_names.h) and shapes of a folder's tensors.
using TensorShapes = std::map<std::string, core::Shape>;
/// The heads of another program's model are those whose tensors are there. Throws DataError if its
/// config.json (`json`) names a head that has none, or another number of labels. Leaves a model of
/// ours alone.
void settle_heads(const nlohmann::json& json, const TensorShapes& tensors, ModelConfig& config);

nlohmann::json config_to_json(const ModelConfig& config);

}  // namespace dnabird::model
