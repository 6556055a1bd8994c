#include "model/model_config.h"

#include "core/errors.h"
#include "model/config_keys.h"

namespace dnabird::model {

using nlohmann::json;

namespace {

struct ModeName {
  PatternMode mode;
  const char* name;
};
constexpr std::array<ModeName, 3> kModes{{{PatternMode::uniform, "uniform"},
                                          {PatternMode::hf_eval, "hf_eval"},
                                          {PatternMode::hf_train, "hf_train"}}};

std::string number(double value) { return json(value).dump(); }

json token(const std::optional<std::int64_t>& id) { return id ? json(*id) : json(); }

/// The class of the field that reads such a model.
std::string class_of(const ModelConfig& config) {
  const std::string family = config.architecture == Architecture::bert ? "Bert" : "BigBird";
  return family + (config.task == HeadTask::none ? "ForMaskedLM" : "ForSequenceClassification");
}

}  // namespace

void refuse_value(const std::string& key, const std::string& value, const std::string& expected) {
  throw core::DataError("model configuration: " + key + " is " + value + ", expected " + expected);
}

void expect_value(bool condition, const std::string& key, const std::string& value,
                  const std::string& expected) {
  if (!condition) refuse_value(key, value, expected);
}

std::optional<PatternMode> pattern_mode_from(const std::string& name) {
  for (const ModeName& known : kModes) {
    if (name == known.name) return known.mode;
  }
  return std::nullopt;
}

const char* name_of(Architecture architecture) {
  return architecture == Architecture::bert ? "bert" : "big_bird";
}

const char* name_of(PatternMode mode) { return kModes[static_cast<std::size_t>(mode)].name; }

HeadNames head_names(const ModelConfig& config) {
  if (config.architecture == Architecture::bert) return {"bert.pooler.dense", "classifier"};
  return {"classifier.dense", "classifier.out_proj"};
}

void ModelConfig::validate() const {
  // Sizes of tensors are products of these, which must fit into 64 bits.
  constexpr std::int64_t kMostLayers = 1000, kMost = 1 << 20;
  const auto in_range = [](const char* key, std::int64_t value, std::int64_t least,
                           std::int64_t most) {
    expect_value(value >= least && value <= most, key, std::to_string(value),
                 std::to_string(least) + " to " + std::to_string(most));
  };
  const auto at_least = [](const char* key, std::int64_t value, std::int64_t least) {
    expect_value(value >= least, key, std::to_string(value), "at least " + std::to_string(least));
  };
  in_range("vocab_size", vocabulary, 6, kMost);
  in_range("hidden_size", channels, 1, kMost);
  in_range("num_hidden_layers", layers, 1, kMostLayers);
  in_range("num_attention_heads", heads, 1, kMost);
  in_range("intermediate_size", feed_forward, 1, kMost);
  in_range("max_position_embeddings", positions, 3, kMost);
  in_range("type_vocab_size", token_types, 1, kMost);
  in_range("num_random_blocks", random_blocks, 0, kMost);
  at_least("dnabird.window_bases", window_bases, 0);
  at_least("dnabird.tss_offset", tss_offset, -1);
  expect_value(channels % heads == 0, "hidden_size", std::to_string(channels),
               "a multiple of num_attention_heads (" + std::to_string(heads) + ")");
  expect_value(block_size == 16 || block_size == 32 || block_size == 64, "block_size",
               std::to_string(block_size), "16, 32 or 64");
  expect_value(epsilon > 0 && epsilon < 1, "layer_norm_eps", number(epsilon), "between 0 and 1");
  expect_value(dropout >= 0 && dropout < 1, "hidden_dropout_prob", number(dropout),
               "at least 0 and below 1");
  expect_value(initializer_range > 0, "initializer_range", number(initializer_range), "above 0");
  expect_value(k >= 0 && k <= 8, "dnabird.k", std::to_string(k),
               "1 to 8, or 0 of tokens that are not k-mers");
  expect_value(!pad_token || (*pad_token >= 0 && *pad_token < vocabulary), "pad_token_id",
               std::to_string(pad_token.value_or(0)),
               "below vocab_size (" + std::to_string(vocabulary) + ")");
  expect_value(stride == 1 || stride == k, "dnabird.stride", std::to_string(stride),
               "1 or k (" + std::to_string(k) + ")");
  const std::string count = std::to_string(targets.size()) + " names";
  if (task == HeadTask::none) {
    expect_value(targets.empty(), "dnabird.targets", count, "none, since dnabird.task is none");
  } else {
    const std::size_t least = task == HeadTask::classification ? 2 : 1;
    expect_value(targets.size() >= least, "dnabird.targets", count,
                 "at least " + std::to_string(least) + " for task " + names_of(task).ours);
  }
}

json config_to_json(const ModelConfig& config) {
  json object{
      {"architectures", {class_of(config)}},
      {"model_type", name_of(config.architecture)},
      {"attention_probs_dropout_prob", 0.0},
      {"bos_token_id", token(config.bos_token)},
      {"classifier_dropout", nullptr},
      {"eos_token_id", token(config.eos_token)},
      {"hidden_act", config.gelu == kernels::Gelu::tanh ? "gelu_new" : "gelu"},
      {"hidden_dropout_prob", config.dropout},
      {"hidden_size", config.channels},
      {"initializer_range", config.initializer_range},
      {"intermediate_size", config.feed_forward},
      {"is_decoder", false},
      {"layer_norm_eps", config.epsilon},
      {"max_position_embeddings", config.positions},
      {"num_attention_heads", config.heads},
      {"num_hidden_layers", config.layers},
      {"pad_token_id", token(config.pad_token)},
      {"tie_word_embeddings", config.tied_decoder},
      {"torch_dtype", "float32"},
      {"type_vocab_size", config.token_types},
      {"vocab_size", config.vocabulary},
  };
  if (config.architecture != Architecture::bert) {
    object["attention_type"] = config.full_attention ? "original_full" : "block_sparse";
    object["block_size"] = config.block_size;
    object["num_random_blocks"] = config.random_blocks;
    object["rescale_embeddings"] = false;
    object["sep_token_id"] = token(config.sep_token);
    object["use_bias"] = config.qkv_bias;
  }
  if (config.task != HeadTask::none) {
    object["problem_type"] = names_of(config.task).problem_type;
    object["id2label"] = json::object();
    object["label2id"] = json::object();
    for (std::size_t i = 0; i < config.targets.size(); ++i) {
      object["id2label"][std::to_string(i)] = config.targets[i];
      object["label2id"][config.targets[i]] = i;
    }
  }
  object["dnabird"] = json{
      {"pattern_mode", name_of(config.pattern_mode)},
      {"pattern_seed", config.pattern_seed},
      {"k", config.k},
      {"stride", config.stride},
      {"masked_lm", config.masked_lm},
      {"task", names_of(config.task).ours},
      {"targets", config.targets},
      {"window_bases", config.window_bases},
      {"tss_offset", config.tss_offset},
      {"provenance", config.provenance},
  };
  return object;
}

}  // namespace dnabird::model
