#include "model/model_config.h"

#include <gtest/gtest.h>

#include "io/model_folder.h"
#include "support/errors.h"
#include "support/test_data.h"

namespace dnabird::model {
namespace {

using nlohmann::json;
using support::throws_data_error;

ModelConfig example() {
  ModelConfig config;
  config.vocabulary = 69;
  config.channels = 64;
  config.layers = 3;
  config.heads = 8;
  config.feed_forward = 96;
  config.positions = 321;
  config.token_types = 1;
  config.block_size = 32;
  config.random_blocks = 2;
  config.gelu = kernels::Gelu::erf;
  config.epsilon = 1e-5;
  config.dropout = 0.25;
  config.initializer_range = 0.05;
  config.pattern_seed = 18446744073709551615ull;
  config.k = 3;
  config.stride = 3;
  config.masked_lm = false;
  config.task = HeadTask::regression;
  config.targets = {"K562", "HepG2"};
  config.window_bases = 900;
  config.tss_offset = 249;
  config.provenance = {{"command", "a \"b\""}, {"metrics", {{"MCC", 0.5}}}};
  return config;
}

void expect_equal(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(config_to_json(a).dump(), config_to_json(b).dump());
  EXPECT_EQ(a.vocabulary, b.vocabulary);
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.heads, b.heads);
  EXPECT_EQ(a.feed_forward, b.feed_forward);
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.token_types, b.token_types);
  EXPECT_EQ(a.block_size, b.block_size);
  EXPECT_EQ(a.random_blocks, b.random_blocks);
  EXPECT_EQ(a.gelu, b.gelu);
  EXPECT_EQ(a.epsilon, b.epsilon);
  EXPECT_EQ(a.dropout, b.dropout);
  EXPECT_EQ(a.initializer_range, b.initializer_range);
  EXPECT_EQ(a.pattern_seed, b.pattern_seed);
  EXPECT_EQ(a.k, b.k);
  EXPECT_EQ(a.stride, b.stride);
  EXPECT_EQ(a.masked_lm, b.masked_lm);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.targets, b.targets);
  EXPECT_EQ(a.window_bases, b.window_bases);
  EXPECT_EQ(a.tss_offset, b.tss_offset);
  EXPECT_EQ(a.provenance, b.provenance);
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.full_attention, b.full_attention);
  EXPECT_EQ(a.qkv_bias, b.qkv_bias);
  EXPECT_EQ(a.tied_decoder, b.tied_decoder);
  EXPECT_EQ(a.pattern_mode, b.pattern_mode);
  EXPECT_EQ(a.bos_token, b.bos_token);
  EXPECT_EQ(a.eos_token, b.eos_token);
  EXPECT_EQ(a.sep_token, b.sep_token);
  EXPECT_EQ(a.pad_token, b.pad_token);
}

TEST(ModelConfig, RoundTrip) {
  const ModelConfig config = example();
  expect_equal(config_from_json(config_to_json(config)), config);
  expect_equal(config_from_json(json::parse(config_to_json(config).dump(2))), config);
  for (const HeadTask task : {HeadTask::none, HeadTask::classification, HeadTask::multi_label}) {
    ModelConfig other = example();
    other.task = task;
    if (task == HeadTask::none) other.targets.clear();
    expect_equal(config_from_json(config_to_json(other)), other);
  }
}

TEST(ModelConfig, OfTheModelThatShipsIsWrittenAsItIs) {
  const json shipped =
      io::read_json(support::test_data_folder() + "/../../models/promoter-small/config.json");
  EXPECT_EQ(config_to_json(config_from_json(shipped)), shipped);
}

TEST(ModelConfig, WritesTheKeysOfTheField) {
  const json object = config_to_json(example());
  EXPECT_EQ(object.at("model_type"), "big_bird");
  EXPECT_EQ(object.at("attention_type"), "block_sparse");
  EXPECT_EQ(object.at("hidden_act"), "gelu");
  EXPECT_EQ(object.at("hidden_size"), 64);
  EXPECT_EQ(object.at("num_random_blocks"), 2);
  EXPECT_EQ(object.at("problem_type"), "regression");
  EXPECT_EQ(object.at("id2label").at("1"), "HepG2");
  EXPECT_EQ(object.at("label2id").at("K562"), 0);
  EXPECT_EQ(object.at("architectures"), json({"BigBirdForSequenceClassification"}));
}

TEST(ModelConfig, ReadsFoldersOfTheOtherLibrary) {
  const std::string parity = support::test_data_folder() + "/parity/";
  const ModelConfig lm = config_from_json(io::read_json(parity + "bigbird_k3_block16/config.json"));
  EXPECT_EQ(lm.vocabulary, 69);
  EXPECT_EQ(lm.k, 3);
  EXPECT_TRUE(lm.masked_lm);
  EXPECT_EQ(lm.task, HeadTask::none);
  EXPECT_EQ(lm.gelu, kernels::Gelu::tanh);
  EXPECT_EQ(lm.block_size, 16);
  const ModelConfig classifier =
      config_from_json(io::read_json(parity + "bigbird_classifier/config.json"));
  EXPECT_FALSE(classifier.masked_lm);
  EXPECT_EQ(classifier.task, HeadTask::classification);
  EXPECT_EQ(classifier.targets, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  json named = io::read_json(parity + "bigbird_classifier/config.json");
  named["id2label"] = {{"0", "other"}, {"1", "promoter"}, {"2", "enhancer"}};
  named["problem_type"] = "multi_label_classification";
  EXPECT_EQ(config_from_json(named).targets,
            (std::vector<std::string>{"other", "promoter", "enhancer"}));
  EXPECT_EQ(config_from_json(named).task, HeadTask::multi_label);
}

TEST(ModelConfig, AnArchitectureNeedsOnlyWhatDiffers) {
  const ModelConfig config = config_from_json({{"hidden_size", 32}, {"dnabird", {{"k", 4}}}});
  EXPECT_EQ(config.vocabulary, 5 + 256);
  EXPECT_EQ(config.channels, 32);
  EXPECT_EQ(config.layers, 4);
  EXPECT_EQ(config.stride, 1);
}

json changed(const std::string& key, const json& value) {
  json object = config_to_json(example());
  const std::string ours = "dnabird.";
  if (key.starts_with(ours)) {
    object["dnabird"][key.substr(ours.size())] = value;
  } else {
    object[key] = value;
  }
  return object;
}

TEST(ModelConfig, NamesTheKeyThatIsWrong) {
  const std::vector<std::pair<std::string, json>> wrong = {
      {"model_type", "gpt2"},
      {"attention_type", "sliding"},
      {"use_bias", 1},
      {"rescale_embeddings", "yes"},
      {"is_decoder", true},
      {"add_cross_attention", true},
      {"position_embedding_type", "relative_key"},
      {"tie_word_embeddings", 0},
      {"pad_token_id", 69},
      {"pad_token_id", -1},
      {"eos_token_id", "3"},
      {"vocab_size", 3},
      {"vocab_size", "69"},
      {"hidden_size", 63},
      {"hidden_size", 0},
      {"hidden_size", -64},
      {"hidden_size", 64.5},
      {"num_hidden_layers", 0},
      {"num_attention_heads", 0},
      {"num_attention_heads", -8},
      {"intermediate_size", 0},
      {"max_position_embeddings", 2},
      {"type_vocab_size", 0},
      {"block_size", 17},
      {"block_size", 128},
      {"num_hidden_layers", 1001},
      {"hidden_size", 1 << 21},
      {"num_random_blocks", -1},
      {"hidden_act", "relu"},
      {"hidden_act", 1},
      {"layer_norm_eps", 0},
      {"layer_norm_eps", "small"},
      {"hidden_dropout_prob", 1},
      {"hidden_dropout_prob", -0.1},
      {"initializer_range", 0},
      {"dnabird.k", 9},
      {"dnabird.k", -1},
      {"dnabird.stride", 2},
      {"dnabird.task", "regresion"},
      {"dnabird.task", "none"},  // with two targets
      {"dnabird.targets", json::array()},
      {"dnabird.targets", {1, 2}},
      {"dnabird.targets", "K562"},
      {"dnabird.window_bases", -1},
      {"dnabird.tss_offset", -2},
      {"dnabird.pattern_mode", "list"},
      {"dnabird.pattern_seed", -1},
      {"dnabird.window_bases", 18446744073709551615ull},
      {"dnabird.masked_lm", 1},
      {"dnabird.something", 1},
  };
  for (const auto& [key, value] : wrong) {
    // Which targets a task needs is said of the targets.
    const std::string named = key == "dnabird.task" && value == "none" ? "dnabird.targets" : key;
    const std::string last = named.substr(named.find('.') + 1);
    EXPECT_THAT([&] { config_from_json(changed(key, value)); },
                throws_data_error("model configuration", last))
        << key << " = " << value;
  }
  EXPECT_THAT([] { config_from_json(json::array()); }, throws_data_error("JSON object"));
  EXPECT_THAT([] { config_from_json(changed("dnabird", 3)); }, throws_data_error("dnabird is 3"));
}

TEST(ModelConfig, ReadsBert) {
  const std::string parity = support::test_data_folder() + "/parity/";
  const json lm = io::read_json(parity + "bert_k3/config.json");
  const ModelConfig config = config_from_json(lm);
  EXPECT_EQ(config.architecture, Architecture::bert);
  EXPECT_TRUE(config.full_attention);
  EXPECT_TRUE(config.masked_lm);
  EXPECT_EQ(config.gelu, kernels::Gelu::erf);
  EXPECT_EQ(config.positions, 512);
  EXPECT_EQ(config.k, 3);
  EXPECT_EQ(config.bos_token, std::nullopt);
  EXPECT_EQ(config.pad_token, 0);
  const ModelConfig classifier =
      config_from_json(io::read_json(parity + "bert_k3_classifier/config.json"));
  EXPECT_FALSE(classifier.masked_lm);
  EXPECT_EQ(classifier.task, HeadTask::classification);
  EXPECT_EQ(head_names(classifier).output, "classifier");
  expect_equal(config_from_json(config_to_json(config)), config);
  expect_equal(config_from_json(config_to_json(classifier)), classifier);
  const json written = config_to_json(classifier);
  EXPECT_EQ(written.at("architectures"), json({"BertForSequenceClassification"}));
  EXPECT_EQ(written.at("model_type"), "bert");
  EXPECT_FALSE(written.contains("block_size"));
}

TEST(ModelConfig, MissingKeysOfAnotherProgramAreItsDefaults) {
  const ModelConfig big_bird =
      config_from_json({{"model_type", "big_bird"}, {"vocab_size", 32000}, {"pad_token_id", 3}});
  EXPECT_EQ(big_bird.channels, 768);
  EXPECT_EQ(big_bird.layers, 12);
  EXPECT_EQ(big_bird.heads, 12);
  EXPECT_EQ(big_bird.feed_forward, 3072);
  EXPECT_EQ(big_bird.positions, 4096);
  EXPECT_EQ(big_bird.block_size, 64);
  EXPECT_EQ(big_bird.random_blocks, 3);
  EXPECT_EQ(big_bird.gelu, kernels::Gelu::tanh);
  EXPECT_EQ(big_bird.pattern_mode, PatternMode::hf_eval);
  EXPECT_EQ(big_bird.k, 0) << "32,000 tokens are not all k-mers";
  EXPECT_EQ(big_bird.pad_token, 3);
  EXPECT_EQ(big_bird.bos_token, 1);
  const ModelConfig bert = config_from_json({{"model_type", "bert"}, {"vocab_size", 4101}});
  EXPECT_EQ(bert.positions, 512);
  EXPECT_EQ(bert.gelu, kernels::Gelu::erf);
  EXPECT_EQ(bert.k, 6);
  EXPECT_TRUE(bert.full_attention);
}

TEST(ModelConfig, WithoutAModelTypeTheClassSaysIt) {
  const ModelConfig bert =
      config_from_json({{"architectures", {"BertForMaskedLM"}}, {"vocab_size", 4101}});
  EXPECT_EQ(bert.architecture, Architecture::bert);
  EXPECT_EQ(bert.positions, 512);
  EXPECT_EQ(config_from_json({{"architectures", {"BigBirdModel"}}, {"vocab_size", 4101}}).positions,
            4096);
}

TEST(ModelConfig, SwitchesOfTheField) {
  EXPECT_TRUE(config_from_json(changed("attention_type", "original_full")).full_attention);
  EXPECT_FALSE(config_from_json(changed("attention_type", "block_sparse")).full_attention);
  EXPECT_FALSE(config_from_json(changed("use_bias", false)).qkv_bias);
  EXPECT_FALSE(config_from_json(changed("tie_word_embeddings", false)).tied_decoder);
  EXPECT_TRUE(rescales_embeddings(changed("rescale_embeddings", true)));
  EXPECT_FALSE(rescales_embeddings(changed("rescale_embeddings", false)));
  EXPECT_EQ(config_from_json(changed("dnabird.pattern_mode", "hf_train")).pattern_mode,
            PatternMode::hf_train);
  EXPECT_EQ(config_from_json(changed("hidden_act", "gelu_new")).gelu, kernels::Gelu::tanh);
  json full = changed("attention_type", "original_full");
  full["block_size"] = 128;
  EXPECT_EQ(config_from_json(full).block_size, 64);
}

TEST(ModelConfig, NamesOfRandomBlocks) {
  for (const char* name : {"uniform", "hf_eval", "hf_train"}) {
    EXPECT_STREQ(name_of(pattern_mode_from(name).value()), name);
  }
  EXPECT_EQ(pattern_mode_from("hf"), std::nullopt);
}

/// Heads by tensors: what the tensors of another program's folder are, and its config.json.
struct Heads {
  TensorShapes tensors;
  json object;
};

ModelConfig settled(const Heads& heads) {
  ModelConfig config = config_from_json(heads.object);
  settle_heads(heads.object, heads.tensors, config);
  return config;
}

Heads bert_heads(const json& more, const std::vector<std::string>& tensors) {
  Heads heads{{}, {{"model_type", "bert"}, {"vocab_size", 69}}};
  if (more.is_object()) heads.object.update(more);
  for (const std::string& name : tensors) heads.tensors[name] = {2, 768};
  return heads;
}

TEST(ModelConfig, HeadsAreThoseWhoseTensorsAreThere) {
  const std::string lm = "cls.predictions.transform.dense.weight";
  const ModelConfig none = settled(bert_heads({}, {"bert.pooler.dense.weight"}));
  EXPECT_FALSE(none.masked_lm);
  EXPECT_EQ(none.task, HeadTask::none);
  EXPECT_TRUE(settled(bert_heads({}, {lm})).masked_lm);
  const ModelConfig both = settled(bert_heads({}, {lm, "classifier.weight"}));
  EXPECT_TRUE(both.masked_lm);
  EXPECT_EQ(both.task, HeadTask::classification);
  EXPECT_EQ(both.targets.size(), 2u);
  const json names = {{"0", "other"}, {"1", "promoter"}};
  EXPECT_EQ(settled(bert_heads({{"id2label", names}}, {"classifier.weight"})).targets,
            (std::vector<std::string>{"other", "promoter"}));
  EXPECT_EQ(settled(bert_heads({{"architectures", {"BertModel"}}}, {})).masked_lm, false);
}

TEST(ModelConfig, ContradictionsOfHeads) {
  const auto settling = [](const json& more, const std::vector<std::string>& tensors) {
    return [=] { settled(bert_heads(more, tensors)); };
  };
  EXPECT_THAT(settling({{"architectures", {"BertForMaskedLM"}}}, {"classifier.weight"}),
              throws_data_error("BertForMaskedLM", "cls.predictions.transform.dense.weight"));
  EXPECT_THAT(settling({{"architectures", {"BertForSequenceClassification"}}}, {}),
              throws_data_error("BertForSequenceClassification", "classifier.weight"));
  EXPECT_THAT(settling({{"num_labels", 3}}, {"classifier.weight"}),
              throws_data_error("number of labels", "is 3", "classifier.weight (2,768)"));
  EXPECT_THAT(settling({{"problem_type", "ranking"}}, {"classifier.weight"}),
              throws_data_error("problem_type", "ranking"));
}

TEST(ModelConfig, ClassificationNeedsTwoClasses) {
  ModelConfig config = example();
  config.task = HeadTask::classification;
  config.targets = {"promoter"};
  EXPECT_THAT([&] { config.validate(); }, throws_data_error("dnabird.targets", "at least 2"));
}

}  // namespace
}  // namespace dnabird::model
