#include <set>
#include <utility>

#include "core/errors.h"
#include "model/config_keys.h"
#include "model/model_config.h"

namespace dnabird::model {

using core::DataError;
using nlohmann::json;

namespace {

/// Reads `key` into `value` if it is there; its type must fit.
template <class T>
void read(const json& object, const std::string& key, T& value) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return;
  bool fits = false;
  std::string expected;
  if constexpr (std::is_same_v<T, bool>) {
    fits = found->is_boolean();
    expected = "true or false";
  } else if constexpr (std::is_integral_v<T>) {
    fits = found->is_number_unsigned()
               ? std::in_range<T>(found->get<std::uint64_t>())
               : found->is_number_integer() && std::in_range<T>(found->get<std::int64_t>());
    expected = std::is_unsigned_v<T> ? "a whole number of at least 0" : "a whole number";
  } else if constexpr (std::is_floating_point_v<T>) {
    fits = found->is_number();
    expected = "a number";
  } else {
    fits = found->is_string();
    expected = "a text";
  }
  expect_value(fits, key, found->dump(), expected);
  value = found->get<T>();
}

/// A key that must have one value, since the model knows no other way.
template <class T>
void require_value(const json& object, const std::string& key, const T& only) {
  T value = only;
  read(object, key, value);
  expect_value(value == only, key, object.value(key, json()).dump(),
               json(only).dump() + " (nothing else is implemented)");
}

kernels::Gelu gelu_from(const std::string& name) {
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return kernels::Gelu::tanh;
  if (name == "gelu" || name == "gelu_python") return kernels::Gelu::erf;
  refuse_value("hidden_act", json(name).dump(), "\"gelu_new\" or \"gelu\"");
}

HeadTask task_from(const std::string& name) {
  for (const TaskNames& names : kTasks) {
    if (name == names.ours) return names.task;
  }
  refuse_value("dnabird.task", "\"" + name + "\"",
               "none, classification, multi_label or regression");
}

/// A token's number; null where a model has no such token.
void read_token(const json& object, const std::string& key, std::optional<std::int64_t>& token) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  token.reset();
  std::int64_t number = 0;
  read(object, key, number);
  if (!found->is_null()) token = number;
}

/// Sizes and switches that both architectures have, under the same keys.
void read_encoder(const json& object, ModelConfig& config) {
  require_value(object, "is_decoder", false);
  require_value(object, "add_cross_attention", false);
  require_value(object, "position_embedding_type", std::string("absolute"));
  read(object, "tie_word_embeddings", config.tied_decoder);
  read(object, "vocab_size", config.vocabulary);
  read(object, "hidden_size", config.channels);
  read(object, "num_hidden_layers", config.layers);
  read(object, "num_attention_heads", config.heads);
  read(object, "intermediate_size", config.feed_forward);
  read(object, "max_position_embeddings", config.positions);
  read(object, "type_vocab_size", config.token_types);
  read(object, "layer_norm_eps", config.epsilon);
  read(object, "hidden_dropout_prob", config.dropout);
  read(object, "initializer_range", config.initializer_range);
  std::string activation = config.gelu == kernels::Gelu::tanh ? "gelu_new" : "gelu";
  read(object, "hidden_act", activation);
  config.gelu = gelu_from(activation);
  read_token(object, "bos_token_id", config.bos_token);
  read_token(object, "eos_token_id", config.eos_token);
  read_token(object, "pad_token_id", config.pad_token);
}

void read_big_bird(const json& object, ModelConfig& config) {
  std::string attention = "block_sparse";
  read(object, "attention_type", attention);
  expect_value(attention == "block_sparse" || attention == "original_full", "attention_type",
               json(attention).dump(), "\"block_sparse\" or \"original_full\"");
  config.full_attention = attention == "original_full";
  read(object, "use_bias", config.qkv_bias);
  rescales_embeddings(object);  // its type
  read(object, "block_size", config.block_size);
  read(object, "num_random_blocks", config.random_blocks);
  read_token(object, "sep_token_id", config.sep_token);
  const bool has_kernel =
      config.block_size == 16 || config.block_size == 32 || config.block_size == 64;
  // Dense attention comes to the same in blocks of any size.
  if (config.full_attention && !has_kernel) config.block_size = 64;
}

/// What transformers takes keys for that are not there, vocab_size aside, which every model says.
void set_defaults_of_the_field(ModelConfig& config) {
  config.channels = 768;
  config.layers = 12;
  config.heads = 12;
  config.feed_forward = 3072;
  config.positions = 4096;
  config.bos_token = 1;
  config.eos_token = 2;
  config.sep_token = 66;
}

void set_defaults_of_bert(ModelConfig& config) {
  config.architecture = Architecture::bert;
  config.gelu = kernels::Gelu::erf;
  config.positions = 512;
  config.full_attention = true;
  config.random_blocks = 0;
  config.bos_token.reset();
  config.eos_token.reset();
  config.sep_token.reset();
}

/// The class that wrote the model, such as BigBirdForMaskedLM; empty if it is not said.
std::string architecture_name(const json& object) {
  const json names = object.value("architectures", json());
  if (!names.is_array() || names.empty() || !names[0].is_string()) return {};
  return names[0].get<std::string>();
}

void read_layout(const json& object, ModelConfig& config) {
  // What is older than the key, DNABERT for one, names its class.
  std::string type = architecture_name(object).starts_with("Bert") ? "bert" : "big_bird";
  read(object, "model_type", type);
  expect_value(type == "big_bird" || type == "bert", "model_type", json(type).dump(),
               "\"big_bird\" or \"bert\"");
  if (!object.contains("dnabird")) set_defaults_of_the_field(config);
  if (type == "bert") {
    set_defaults_of_bert(config);
  } else {
    read_big_bird(object, config);
  }
  read_encoder(object, config);
}

void read_targets(const json& object, ModelConfig& config) {
  const json& targets = object.at("targets");
  expect_value(targets.is_array(), "dnabird.targets", targets.dump(), "a list of names");
  config.targets.clear();
  for (const json& target : targets) {
    expect_value(target.is_string(), "dnabird.targets", targets.dump(), "a list of names");
    config.targets.push_back(target.get<std::string>());
  }
}

void read_ours(const json& object, ModelConfig& config) {
  static const std::set<std::string> known{
      "pattern_mode", "pattern_seed", "k",          "stride",    "masked_lm", "task",
      "targets",      "window_bases", "tss_offset", "provenance"};
  expect_value(object.is_object(), "dnabird", object.dump(), "an object");
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) != 0) continue;
    throw DataError("model configuration: unknown key dnabird." + key);
  }
  std::string mode = name_of(config.pattern_mode);
  read(object, "pattern_mode", mode);
  const std::optional<PatternMode> known_mode = pattern_mode_from(mode);
  expect_value(known_mode.has_value(), "dnabird.pattern_mode", json(mode).dump(),
               "uniform, hf_eval or hf_train");
  config.pattern_mode = *known_mode;
  read(object, "pattern_seed", config.pattern_seed);
  read(object, "k", config.k);
  read(object, "stride", config.stride);
  read(object, "masked_lm", config.masked_lm);
  std::string task = "none";
  read(object, "task", task);
  config.task = task_from(task);
  if (object.contains("targets")) read_targets(object, config);
  read(object, "window_bases", config.window_bases);
  read(object, "tss_offset", config.tss_offset);
  if (object.contains("provenance")) config.provenance = object.at("provenance");
  // An architecture needs not count what k says already.
  if (config.vocabulary == 0 && config.k >= 1 && config.k <= 8) {
    config.vocabulary = kmer_vocabulary(config.k);
  }
}

HeadTask task_of(const json& object, std::size_t n_labels) {
  std::string name;
  read(object, "problem_type", name);
  for (const TaskNames& names : kTasks) {
    if (names.problem_type != nullptr && name == names.problem_type) return names.task;
  }
  expect_value(name.empty(), "problem_type", json(name).dump(),
               "single_label_classification, multi_label_classification or regression");
  return n_labels == 1 ? HeadTask::regression : HeadTask::classification;
}

std::vector<std::string> labels_of(const json& object) {
  constexpr std::int64_t kMostLabels = 1 << 20;
  const json labels = object.value("id2label", json());
  std::int64_t count = 2;
  read(object, "num_labels", count);
  expect_value(count >= 1 && count <= kMostLabels, "num_labels", std::to_string(count),
               "1 to " + std::to_string(kMostLabels));
  if (labels.is_object()) count = static_cast<std::int64_t>(labels.size());
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string fallback = "LABEL_" + std::to_string(i);
    const json name =
        labels.is_object() ? labels.value(std::to_string(i), json(fallback)) : json(fallback);
    names.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  }
  return names;
}

/// Heads and labels as another program names them: `architectures`, `problem_type`, `id2label`.
/// That program takes a missing id2label for `num_labels`, and that for 2.
void read_heads(const json& object, ModelConfig& config) {
  config.pattern_mode = PatternMode::hf_eval;
  config.k = 0;
  for (int k = 1; k <= 8; ++k) {
    if (config.vocabulary == kmer_vocabulary(k)) config.k = k;
  }
  const std::string architecture = architecture_name(object);
  config.masked_lm = !architecture.ends_with("ForSequenceClassification") &&
                     !architecture.ends_with("BirdModel") && !architecture.ends_with("BertModel");
  if (architecture.ends_with("ForSequenceClassification")) {
    config.targets = labels_of(object);
    config.task = task_of(object, config.targets.size());
  }
}

}  // namespace

ModelConfig config_from_json(const json& object) {
  if (!object.is_object()) throw DataError("model configuration: expected a JSON object");
  ModelConfig config;
  read_layout(object, config);
  if (object.contains("dnabird")) {
    read_ours(object.at("dnabird"), config);
  } else {
    read_heads(object, config);
  }
  config.validate();
  return config;
}

bool rescales_embeddings(const json& object) {
  bool rescales = false;
  read(object, "rescale_embeddings", rescales);
  return rescales;
}

void settle_heads(const json& object, const TensorShapes& tensors, ModelConfig& config) {
  if (object.contains("dnabird")) return;
  const std::string architecture = architecture_name(object);
  const std::string output = head_names(config).output;
  const auto has = [&](const std::string& name) { return tensors.contains(name); };
  const auto said_but_missing = [&](const std::string& tensor) {
    throw DataError("model configuration: architectures names " + json(architecture).dump() +
                    ", but the folder has no tensor " + tensor);
  };
  const std::string transform = "cls.predictions.transform.dense.weight";
  const bool says_masked_lm =
      architecture.ends_with("ForMaskedLM") || architecture.ends_with("ForPreTraining");
  if (says_masked_lm && !has(transform)) said_but_missing(transform);
  config.masked_lm = has(transform);
  if (config.task != HeadTask::none && !has(output + ".weight")) {
    said_but_missing(output + ".weight");
  }
  if (!has(output + ".weight")) return;
  config.targets = labels_of(object);
  config.task = task_of(object, config.targets.size());
  const core::Shape& shape = tensors.at(output + ".weight");
  expect_value(!shape.empty() && shape[0] == static_cast<std::int64_t>(config.targets.size()),
               "number of labels (id2label, else num_labels, else 2)",
               std::to_string(config.targets.size()),
               "the rows of tensor " + output + ".weight " + core::to_string(shape));
  config.validate();
}

}  // namespace dnabird::model
