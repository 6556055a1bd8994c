#include "model/model_config.h"

#include <array>
#include <set>
#include <utility>

#include "core/errors.h"

namespace dnabird::model {

using core::DataError;
using nlohmann::json;

namespace {

constexpr const char* kMaskedLmClass = "BigBirdForMaskedLM";
constexpr const char* kHeadClass = "BigBirdForSequenceClassification";

// The names of a task here and as the field's `problem_type`.
struct TaskNames {
  HeadTask task;
  const char* ours;
  const char* problem_type;
};
constexpr std::array<TaskNames, 4> kTasks{{
    {HeadTask::none, "none", nullptr},
    {HeadTask::classification, "classification", "single_label_classification"},
    {HeadTask::multi_label, "multi_label", "multi_label_classification"},
    {HeadTask::regression, "regression", "regression"},
}};

[[noreturn]] void refuse(const std::string& key, const std::string& value,
                         const std::string& expected) {
  throw DataError("model configuration: " + key + " is " + value + ", expected " + expected);
}

void expect(bool condition, const std::string& key, const std::string& value,
            const std::string& expected) {
  if (!condition) refuse(key, value, expected);
}

std::string number(double value) { return json(value).dump(); }

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
  expect(fits, key, found->dump(), expected);
  value = found->get<T>();
}

/// A key that must have one value, since the model knows no other way.
template <class T>
void require_value(const json& object, const std::string& key, const T& only) {
  T value = only;
  read(object, key, value);
  expect(value == only, key, object.value(key, json()).dump(),
         json(only).dump() + " (nothing else is implemented)");
}

kernels::Gelu gelu_from(const std::string& name) {
  if (name == "gelu_new") return kernels::Gelu::tanh;
  if (name == "gelu") return kernels::Gelu::erf;
  refuse("hidden_act", "\"" + name + "\"", "\"gelu_new\" or \"gelu\"");
}

HeadTask task_from(const std::string& name) {
  for (const TaskNames& names : kTasks) {
    if (name == names.ours) return names.task;
  }
  refuse("dnabird.task", "\"" + name + "\"", "none, classification, multi_label or regression");
}

const TaskNames& names_of(HeadTask task) { return kTasks[static_cast<std::size_t>(task)]; }

std::int64_t kmer_vocabulary(int k) { return 5 + (std::int64_t{1} << (2 * k)); }

void read_layout(const json& object, ModelConfig& config) {
  require_value(object, "model_type", std::string("big_bird"));
  require_value(object, "attention_type", std::string("block_sparse"));
  require_value(object, "use_bias", true);
  require_value(object, "rescale_embeddings", false);
  require_value(object, "is_decoder", false);
  require_value(object, "tie_word_embeddings", true);
  read(object, "vocab_size", config.vocabulary);
  read(object, "hidden_size", config.channels);
  read(object, "num_hidden_layers", config.layers);
  read(object, "num_attention_heads", config.heads);
  read(object, "intermediate_size", config.feed_forward);
  read(object, "max_position_embeddings", config.positions);
  read(object, "type_vocab_size", config.token_types);
  read(object, "block_size", config.block_size);
  read(object, "num_random_blocks", config.random_blocks);
  read(object, "layer_norm_eps", config.epsilon);
  read(object, "hidden_dropout_prob", config.dropout);
  read(object, "initializer_range", config.initializer_range);
  std::string activation = config.gelu == kernels::Gelu::tanh ? "gelu_new" : "gelu";
  read(object, "hidden_act", activation);
  config.gelu = gelu_from(activation);
}

void read_targets(const json& object, ModelConfig& config) {
  const json& targets = object.at("targets");
  expect(targets.is_array(), "dnabird.targets", targets.dump(), "a list of names");
  config.targets.clear();
  for (const json& target : targets) {
    expect(target.is_string(), "dnabird.targets", targets.dump(), "a list of names");
    config.targets.push_back(target.get<std::string>());
  }
}

void read_ours(const json& object, ModelConfig& config) {
  static const std::set<std::string> known{
      "pattern_mode", "pattern_seed", "k",          "stride",    "masked_lm", "task",
      "targets",      "window_bases", "tss_offset", "provenance"};
  expect(object.is_object(), "dnabird", object.dump(), "an object");
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) != 0) continue;
    throw DataError("model configuration: unknown key dnabird." + key);
  }
  require_value(object, "pattern_mode", std::string("uniform"));
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

/// The heads of a folder that another program wrote: `architectures`, and the labels if it has one
/// on [CLS] (two unless it says otherwise, as in the field).
void infer_heads(const json& object, ModelConfig& config) {
  const json architectures = object.value("architectures", json::array());
  for (int k = 1; k <= 8; ++k) {
    if (config.vocabulary == kmer_vocabulary(k)) config.k = k;
  }
  if (!architectures.is_array() || architectures.empty() || architectures[0] != kHeadClass) return;
  config.masked_lm = false;
  config.task = HeadTask::classification;
  for (const TaskNames& names : kTasks) {
    if (names.problem_type != nullptr &&
        object.value("problem_type", json()) == names.problem_type) {
      config.task = names.task;
    }
  }
  const json labels = object.value("id2label", json());
  const std::size_t count = labels.is_object() ? labels.size() : 2;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string fallback = "LABEL_" + std::to_string(i);
    const json name =
        labels.is_object() ? labels.value(std::to_string(i), json(fallback)) : json(fallback);
    config.targets.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  }
}

}  // namespace

void ModelConfig::validate() const {
  // Sizes of tensors are products of these, which must fit into 64 bits.
  constexpr std::int64_t kMostLayers = 1000, kMost = 1 << 20;
  const auto in_range = [](const char* key, std::int64_t value, std::int64_t least,
                           std::int64_t most) {
    expect(value >= least && value <= most, key, std::to_string(value),
           std::to_string(least) + " to " + std::to_string(most));
  };
  const auto at_least = [](const char* key, std::int64_t value, std::int64_t least) {
    expect(value >= least, key, std::to_string(value), "at least " + std::to_string(least));
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
  expect(channels % heads == 0, "hidden_size", std::to_string(channels),
         "a multiple of num_attention_heads (" + std::to_string(heads) + ")");
  expect(block_size == 16 || block_size == 32 || block_size == 64, "block_size",
         std::to_string(block_size), "16, 32 or 64");
  expect(epsilon > 0 && epsilon < 1, "layer_norm_eps", number(epsilon), "between 0 and 1");
  expect(dropout >= 0 && dropout < 1, "hidden_dropout_prob", number(dropout),
         "at least 0 and below 1");
  expect(initializer_range > 0, "initializer_range", number(initializer_range), "above 0");
  expect(k >= 1 && k <= 8, "dnabird.k", std::to_string(k), "1 to 8");
  expect(stride == 1 || stride == k, "dnabird.stride", std::to_string(stride),
         "1 or k (" + std::to_string(k) + ")");
  const std::string count = std::to_string(targets.size()) + " names";
  if (task == HeadTask::none) {
    expect(targets.empty(), "dnabird.targets", count, "none, since dnabird.task is none");
  } else {
    const std::size_t least = task == HeadTask::classification ? 2 : 1;
    expect(targets.size() >= least, "dnabird.targets", count,
           "at least " + std::to_string(least) + " for task " + names_of(task).ours);
  }
}

ModelConfig config_from_json(const json& object) {
  if (!object.is_object()) throw DataError("model configuration: expected a JSON object");
  ModelConfig config;
  read_layout(object, config);
  if (object.contains("dnabird")) {
    read_ours(object.at("dnabird"), config);
  } else {
    infer_heads(object, config);
  }
  config.validate();
  return config;
}

json config_to_json(const ModelConfig& config) {
  json object{
      {"architectures", {config.task == HeadTask::none ? kMaskedLmClass : kHeadClass}},
      {"model_type", "big_bird"},
      {"attention_type", "block_sparse"},
      {"attention_probs_dropout_prob", 0.0},
      {"block_size", config.block_size},
      {"bos_token_id", 2},
      {"classifier_dropout", nullptr},
      {"eos_token_id", 3},
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
      {"num_random_blocks", config.random_blocks},
      {"pad_token_id", 0},
      {"rescale_embeddings", false},
      {"sep_token_id", 3},
      {"tie_word_embeddings", true},
      {"torch_dtype", "float32"},
      {"type_vocab_size", config.token_types},
      {"use_bias", true},
      {"vocab_size", config.vocabulary},
  };
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
      {"pattern_mode", "uniform"},
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
