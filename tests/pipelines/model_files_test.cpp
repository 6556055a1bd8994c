// Folders as other programs write them, made from those of tests/data/parity.
#include "pipelines/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>

#include "core/device.h"
#include "io/model_folder.h"
#include "io/sha256.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"
#include "support/tiny_model.h"

namespace dnabird::pipelines {
namespace {

using io::HostTensor;
using io::ModelFolder;
using model::HeadTask;
using support::TempFolder;
using support::throws_data_error;
using support::throws_usage_error;
using Edit = std::function<void(ModelFolder&)>;
using Floats = std::vector<float>;

constexpr const char* kWords = "bert.embeddings.word_embeddings.weight";
constexpr const char* kDecoder = "cls.predictions.decoder.weight";

ModelFolder parity_folder(const std::string& name) {
  const std::string path = support::test_data_folder() + "/parity/" + name;
  ModelFolder folder;
  folder.config = io::read_json(path + "/config.json");
  folder.weights = io::read_safetensors(path + "/model.safetensors");
  folder.vocabulary = support::kmer_vocabulary(folder.config.at("vocab_size") == 69 ? 3 : 6);
  return folder;
}

/// Renames every tensor.
void rename(ModelFolder& folder, const std::function<std::string(std::string)>& renamed) {
  std::map<std::string, HostTensor> tensors;
  for (auto& [name, tensor] : folder.weights.tensors) tensors[renamed(name)] = std::move(tensor);
  folder.weights.tensors = std::move(tensors);
}

std::string with_part(std::string name, const std::string& part, const std::string& other) {
  const std::size_t at = name.find(part);
  return at == std::string::npos ? name : name.replace(at, part.size(), other);
}

/// The tensor with its elements cut to the 16 higher bits of each: bf16, rounded toward zero.
HostTensor as_bf16(const HostTensor& tensor) {
  HostTensor cut{"BF16", tensor.shape, {}};
  for (std::size_t i = 0; i < tensor.bytes.size(); i += 4) {
    cut.bytes.insert(cut.bytes.end(), {tensor.bytes[i + 2], tensor.bytes[i + 3]});
  }
  return cut;
}

HostTensor scaled(const HostTensor& tensor, float factor) {
  Floats values = tensor.floats();
  for (float& value : values) value *= factor;
  return HostTensor::from_floats(tensor.shape, values);
}

class Folders : public testing::Test {
 protected:
  void SetUp() override { kernels_ = core::open_device("cpu", "f32", 1); }

  /// A folder of that name with something changed.
  std::string write(
      const std::string& parity, const Edit& edit = [](ModelFolder&) {}) {
    ModelFolder folder = parity_folder(parity);
    edit(folder);
    io::write_model_folder(path_, folder);
    return path_;
  }
  LoadedModel load(
      const std::string& parity, const Edit& edit = [](ModelFolder&) {}) {
    return load_model(*kernels_, write(parity, edit));
  }
  auto loading(const std::string& parity, const Edit& edit) {
    return [=, this] { load(parity, edit); };
  }

  /// What the model says of 40 tokens: logits of every head that it has, else hidden states.
  static Floats outputs(const model::Model& model) {
    std::vector<std::int32_t> ids(40);
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(5 + i * 7 % 60);
    const model::TokenBatch batch =
        model::make_token_batch(model.kernels(), std::span(&ids, 1), model.config().block_size);
    const core::Tensor hidden = model.encode(batch);
    Floats all;
    const auto add = [&](const core::Tensor& values) {
      const Floats some = values.to_floats();
      all.insert(all.end(), some.begin(), some.end());
    };
    if (model.config().masked_lm) {
      std::vector<std::int32_t> rows(ids.size());
      std::iota(rows.begin(), rows.end(), 0);
      add(model.masked_lm_logits(
          hidden,
          core::Tensor::from_host(model.kernels(), {40}, std::span<const std::int32_t>(rows))));
    }
    if (model.config().task != HeadTask::none) add(model.head_output(hidden));
    if (all.empty()) add(hidden);
    return all;
  }
  Floats outputs_of(
      const std::string& parity, const Edit& edit = [](ModelFolder&) {}) {
    return outputs(*load(parity, edit).model);
  }

  static void expect_near(const Floats& a, const Floats& b, float tolerance) {
    ASSERT_EQ(a.size(), b.size());
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    EXPECT_LE(largest, tolerance);
  }

  std::unique_ptr<core::KernelSet> kernels_;
  TempFolder folder_;
  const std::string path_ = folder_ / "m";
};

TEST_F(Folders, HeadsAreFoundByTheirTensors) {
  const auto config = [&](const char* name) { return load(name).model->config(); };
  const model::ModelConfig masked = config("bigbird_k3_block16");
  EXPECT_TRUE(masked.masked_lm);
  EXPECT_EQ(masked.task, HeadTask::none);
  EXPECT_EQ(masked.pattern_mode, model::PatternMode::hf_eval);
  EXPECT_FALSE(masked.full_attention);
  const model::ModelConfig classifier = config("bigbird_classifier");
  EXPECT_FALSE(classifier.masked_lm);
  EXPECT_EQ(classifier.task, HeadTask::classification);
  EXPECT_TRUE(config("bert_k3").masked_lm);
  EXPECT_TRUE(config("bert_k3").full_attention);
  const model::ModelConfig bert = config("bert_k3_classifier");
  EXPECT_EQ(bert.task, HeadTask::classification);
  EXPECT_EQ(bert.architecture, model::Architecture::bert);
  // A base model: no head, whatever else it holds.
  const auto base = load("bert_k3_classifier", [](ModelFolder& f) {
    f.weights.tensors.erase("classifier.weight");
    f.weights.tensors.erase("classifier.bias");
    f.config["architectures"] = {"BertModel"};
  });
  EXPECT_EQ(base.model->config().task, HeadTask::none);
  EXPECT_FALSE(base.model->config().masked_lm);
}

TEST_F(Folders, NamesWithoutTheLeadingBertAndOldNorms) {
  for (const char* name : {"bigbird_k3_block16", "bert_k3_classifier"}) {
    const Floats expected = outputs_of(name);
    EXPECT_EQ(outputs_of(name,
                         [](ModelFolder& f) {
                           rename(f,
                                  [](const std::string& n) { return with_part(n, "bert.", ""); });
                         }),
              expected);
    EXPECT_EQ(outputs_of(name,
                         [](ModelFolder& f) {
                           rename(f, [](const std::string& n) {
                             return with_part(with_part(n, "LayerNorm.weight", "LayerNorm.gamma"),
                                              "LayerNorm.bias", "LayerNorm.beta");
                           });
                         }),
              expected);
  }
}

TEST_F(Folders, TablesPoolersAndCopiesAreLeftAside) {
  const Floats expected = outputs_of("bigbird_k3_block16");
  const auto with_more = [](ModelFolder& f) {
    auto& tensors = f.weights.tensors;
    tensors["bert.embeddings.position_ids"] = {"I64", {1, 512}, std::vector<char>(512 * 8)};
    tensors["bert.pooler.weight"] = HostTensor::from_floats({1}, {1});
    tensors["cls.seq_relationship.weight"] = HostTensor::from_floats({2}, {1, 2});
    tensors[kDecoder] = tensors.at(kWords);
    tensors["cls.predictions.decoder.bias"] = tensors.at("cls.predictions.bias");
  };
  EXPECT_EQ(outputs_of("bigbird_k3_block16", with_more), expected);
  EXPECT_EQ(outputs_of("bigbird_k3_block16",
                       [&](ModelFolder& f) {
                         with_more(f);
                         f.weights.tensors.erase("cls.predictions.bias");
                       }),
            expected);
}

TEST_F(Folders, ADecoderOfItsOwnIsUsedIfTheConfigurationUntiesIt) {
  const auto untied = [](ModelFolder& f) {
    f.config["tie_word_embeddings"] = false;
    f.weights.tensors[kDecoder] = scaled(f.weights.tensors.at(kWords), 2);
    f.weights.tensors["cls.predictions.bias"] =
        scaled(f.weights.tensors.at("cls.predictions.bias"), 2);
  };
  Floats expected = outputs_of("bert_k3");
  for (float& value : expected) value *= 2;
  expect_near(outputs_of("bert_k3", untied), expected, 1e-5f);
  EXPECT_THAT(
      loading("bert_k3",
              [&](ModelFolder& f) {
                untied(f);
                f.config["tie_word_embeddings"] = true;
              }),
      throws_data_error("model.safetensors'", kDecoder, "differs", kWords, "tie_word_embeddings"));
  EXPECT_THAT(loading("bert_k3", [](ModelFolder& f) { f.config["tie_word_embeddings"] = false; }),
              throws_data_error("model.safetensors'", "lacks the tensor", kDecoder));
}

/// The same function, written with and without the factor on the word embeddings.
TEST_F(Folders, RescaledEmbeddings) {
  const auto rescale = [](ModelFolder& f) { f.config["rescale_embeddings"] = true; };
  const auto by_hand = [](ModelFolder& f) {
    auto& tensors = f.weights.tensors;
    f.config["tie_word_embeddings"] = false;
    tensors[kDecoder] = tensors.at(kWords);
    tensors[kWords] = scaled(tensors.at(kWords), 8);  // sqrt(64)
  };
  const Floats expected = outputs_of("bigbird_k3_block16", by_hand);
  expect_near(outputs_of("bigbird_k3_block16", rescale), expected, 1e-5f);
  expect_near(outputs_of("bigbird_k3_block16",
                         [&](ModelFolder& f) {
                           rescale(f);
                           f.weights.tensors[kDecoder] = f.weights.tensors.at(kWords);
                         }),
              expected, 1e-5f);
}

TEST_F(Folders, WithoutBiasesOfQueriesKeysAndValues) {
  const auto is_bias = [](const std::string& name) {
    return name.find(".attention.self.") != std::string::npos && name.ends_with(".bias");
  };
  const Floats expected = outputs_of("bigbird_k3_block16", [&](ModelFolder& f) {
    for (auto& [name, tensor] : f.weights.tensors) {
      if (is_bias(name)) tensor = scaled(tensor, 0);
    }
  });
  const Floats without = outputs_of("bigbird_k3_block16", [&](ModelFolder& f) {
    f.config["use_bias"] = false;
    std::erase_if(f.weights.tensors, [&](const auto& named) { return is_bias(named.first); });
  });
  expect_near(without, expected, 1e-6f);
  EXPECT_THAT(loading("bigbird_k3_block16", [](ModelFolder& f) { f.config["use_bias"] = false; }),
              throws_data_error("attention.self.key.bias", "unknown"));
}

TEST_F(Folders, HalfPrecisionAndDouble) {
  const auto truncate = [](ModelFolder& f) {
    for (auto& [name, tensor] : f.weights.tensors) {
      tensor = HostTensor::from_floats(tensor.shape, as_bf16(tensor).floats());
    }
  };
  const Floats expected = outputs_of("bert_k3_classifier", truncate);
  EXPECT_EQ(outputs_of("bert_k3_classifier",
                       [](ModelFolder& f) {
                         for (auto& [name, tensor] : f.weights.tensors) tensor = as_bf16(tensor);
                       }),
            expected);
  EXPECT_EQ(outputs_of("bert_k3_classifier",
                       [&](ModelFolder& f) {
                         truncate(f);
                         for (auto& [name, tensor] : f.weights.tensors) {
                           const std::vector<double> values = tensor.doubles();
                           tensor.dtype = "F64";
                           tensor.bytes.resize(values.size() * 8);
                           std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
                         }
                       }),
            expected);
}

TEST_F(Folders, Shards) {
  const Floats expected = outputs_of("bigbird_classifier");
  io::TensorFile first, second;
  nlohmann::json weight_map;
  for (auto& [name, tensor] : parity_folder("bigbird_classifier").weights.tensors) {
    const bool is_first = first.tensors.size() < 20;
    (is_first ? first : second).tensors[name] = tensor;
    weight_map[name] = is_first ? "a.safetensors" : "b.safetensors";
  }
  std::filesystem::remove(path_ + "/model.safetensors");
  io::write_safetensors(path_ + "/a.safetensors", first);
  io::write_safetensors(path_ + "/b.safetensors", second);
  io::write_json(path_ + "/model.safetensors.index.json", {{"weight_map", weight_map}});
  const LoadedModel loaded = load_model(*kernels_, path_);
  EXPECT_EQ(outputs(*loaded.model), expected);
  EXPECT_EQ(loaded.sha256,
            io::sha256_of_files({path_ + "/a.safetensors", path_ + "/b.safetensors"}));
}

TEST_F(Folders, WhatContradictsNamesFileAndTensor) {
  const std::string name = "bigbird_k3_block16";
  const auto edited = [&](const std::function<void(std::map<std::string, HostTensor>&)>& edit) {
    return loading(name, [edit](ModelFolder& f) { edit(f.weights.tensors); });
  };
  EXPECT_THAT(edited([](auto& t) { t.erase("bert.embeddings.LayerNorm.bias"); }),
              throws_data_error("model.safetensors'", "lacks the tensor",
                                "bert.embeddings.LayerNorm.bias (64)"));
  EXPECT_THAT(edited([](auto& t) { t["qa_outputs.weight"] = HostTensor::from_floats({1}, {1}); }),
              throws_data_error("model.safetensors'", "qa_outputs.weight", "unknown"));
  EXPECT_THAT(edited([](auto& t) {
                t.at("cls.predictions.bias") = HostTensor::from_floats({68}, Floats(68));
              }),
              throws_data_error("model.safetensors'", "cls.predictions.bias", "(68)", "(69)"));
  EXPECT_THAT(edited([](auto& t) {
                t["embeddings.LayerNorm.gamma"] = t.at("bert.embeddings.LayerNorm.weight");
              }),
              throws_data_error("m'", "embeddings.LayerNorm.gamma",
                                "bert.embeddings.LayerNorm.weight", "same parameter"));
  EXPECT_THAT(edited([](auto& t) { t.at("cls.predictions.bias").dtype = "I32"; }),
              throws_data_error("model.safetensors'", "cls.predictions.bias", "I32", "BF16"));
  const auto key = [&](const std::string& key, const nlohmann::json& value) {
    return loading(name, [=](ModelFolder& f) { f.config[key] = value; });
  };
  EXPECT_THAT(key("num_attention_heads", 5),
              throws_data_error("config.json'", "hidden_size is 64", "num_attention_heads (5)"));
  EXPECT_THAT(key("num_hidden_layers", 2),
              throws_data_error("model.safetensors'", "encoder.layer.2.", "unknown"));
  EXPECT_THAT(key("max_position_embeddings", 4096),
              throws_data_error("position_embeddings.weight", "(512,64)", "(4096,64)"));
  EXPECT_THAT(key("architectures", {"BigBirdForSequenceClassification"}),
              throws_data_error("config.json'", "BigBirdForSequenceClassification",
                                "classifier.out_proj.weight"));
  EXPECT_THAT(loading("bigbird_classifier", [](ModelFolder& f) { f.config["num_labels"] = 3; }),
              throws_data_error("config.json'", "number of labels", "(2,64)"));
  // A head on every token, not on [CLS].
  EXPECT_THAT(loading("bert_k3_classifier",
                      [](ModelFolder& f) {
                        f.weights.tensors.erase("bert.pooler.dense.weight");
                        f.weights.tensors.erase("bert.pooler.dense.bias");
                      }),
              throws_data_error("lacks the tensor bert.pooler.dense.weight"));
}

TEST_F(Folders, RandomBlocksOfTheCommandLine) {
  write("bigbird_k3_block16");
  const auto mode = [&](const std::string& name) {
    return load_model(*kernels_, path_, name).model->config().pattern_mode;
  };
  EXPECT_EQ(mode(""), model::PatternMode::hf_eval);
  EXPECT_EQ(mode("hf_train"), model::PatternMode::hf_train);
  EXPECT_EQ(mode("uniform"), model::PatternMode::uniform);
  EXPECT_THAT([&] { mode("hf"); }, throws_usage_error("--random-blocks", "'hf'", "hf_train"));
}

TEST_F(Folders, WhatIsSavedIsTheSameModel) {
  for (const char* name : {"bigbird_k3_block16", "bigbird_classifier", "bert_k3_classifier"}) {
    SCOPED_TRACE(name);
    const LoadedModel loaded = load(name);
    save_model(*loaded.model, loaded.tokenizer_files, folder_ / "saved");
    const LoadedModel again = load_model(*kernels_, folder_ / "saved");
    EXPECT_EQ(outputs(*again.model), outputs(*loaded.model));
    EXPECT_EQ(again.model->config().pattern_mode, model::PatternMode::hf_eval);
    // And the other library finds in it what it wrote: the same keys, none of another value.
    const nlohmann::json before = parity_folder(name).config;
    const nlohmann::json after = io::read_json(folder_ / "saved/config.json");
    for (const auto& [key, value] : after.items()) {
      if (before.contains(key) && key != "classifier_dropout") {
        EXPECT_EQ(value, before.at(key)) << key;
      }
    }
  }
}

TEST_F(Folders, ModelsOfOursKeepTheirBytes) {
  support::write_tiny_model(path_);
  const LoadedModel loaded = load_model(*kernels_, path_);
  const std::string weights = support::read_text(path_ + "/model.safetensors");
  save_model(*loaded.model, loaded.tokenizer_files, folder_ / "a");
  save_model(*load_model(*kernels_, folder_ / "a").model, loaded.tokenizer_files, folder_ / "b");
  EXPECT_EQ(support::read_text(folder_ / "a/config.json"),
            support::read_text(folder_ / "b/config.json"));
  EXPECT_EQ(support::read_text(folder_ / "a/model.safetensors"),
            support::read_text(folder_ / "b/model.safetensors"));
  EXPECT_EQ(io::read_safetensors(folder_ / "a/model.safetensors").tensors.at(kWords).bytes,
            io::read_safetensors(path_ + "/model.safetensors").tensors.at(kWords).bytes);
}

}  // namespace
}  // namespace dnabird::pipelines
