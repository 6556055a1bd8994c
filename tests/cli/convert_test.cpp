// dnabird convert, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "io/model_folder.h"
#include "support/process.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::read_text;
using support::run_dnabird;
using support::TempFolder;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

class Convert : public testing::Test {
 protected:
  Convert() {
    support::write_tiny_model(folder_ / "tiny");
    write_text(folder_ / "in.fa", ">a\nACGTACGTACGGTAC\n>b\nTTTACGACGACTAACG\n");
  }

  ProcessResult run(Words words) const {
    words.insert(words.begin(), "convert");
    return run_dnabird(words, {.folder = folder_.path()});
  }
  ProcessResult converted(const Words& words) const {
    ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "");
    return result;
  }
  io::ModelFolder read(const std::string& name) const {
    return io::read_model_folder(folder_ / name);
  }
  void expect_same_weights(const std::string& a, const std::string& b) const {
    const io::TensorFile one = read(a).weights, other = read(b).weights;
    ASSERT_EQ(one.tensors.size(), other.tensors.size());
    for (const auto& [name, tensor] : one.tensors) {
      EXPECT_EQ(tensor.dtype, other.tensors.at(name).dtype) << name;
      EXPECT_EQ(tensor.shape, other.tensors.at(name).shape) << name;
      EXPECT_EQ(tensor.bytes, other.tensors.at(name).bytes) << name;
    }
  }
  std::string embedded(const std::string& model) const {
    const ProcessResult result = run_dnabird({"embed", "-m", folder_ / model, folder_ / "in.fa"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out.substr(result.out.find("\n#pool"));
  }
  void expect_refused(const Words& words, int exit_code, const Words& parts) const {
    const Words before = folder_.names();
    const ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(folder_.names(), before);
  }

  TempFolder folder_;
};

TEST_F(Convert, WithoutOptionsTheSameModel) {
  const ProcessResult result = converted({"tiny", "same"});
  EXPECT_THAT(result.err, HasSubstr("of f32 in 1 file; no value changed"));
  expect_same_weights("same", "tiny");
  EXPECT_EQ(read_text(folder_ / "same/vocab.txt"), read_text(folder_ / "tiny/vocab.txt"));
  nlohmann::json config = read("same").config;
  EXPECT_EQ(config["torch_dtype"], "float32");
  config.erase("torch_dtype");
  EXPECT_EQ(config, read("tiny").config);
}

TEST_F(Convert, ShorterTypesHoldTheNearestValues) {
  struct Case {
    const char* option;
    const char* dtype;
    const char* name;
    double step;  // relative
  };
  for (const Case& one :
       {Case{"f16", "F16", "float16", 0x1p-11}, Case{"bf16", "BF16", "bfloat16", 0x1p-8}}) {
    const ProcessResult result = converted({"--dtype", one.option, "tiny", one.option});
    EXPECT_THAT(result.err, HasSubstr("largest change of a value"));
    const io::ModelFolder before = read("tiny"), after = read(one.option);
    EXPECT_EQ(after.config["torch_dtype"], one.name);
    ASSERT_EQ(after.weights.tensors.size(), before.weights.tensors.size());
    for (const auto& [name, tensor] : after.weights.tensors) {
      const io::HostTensor& original = before.weights.tensors.at(name);
      EXPECT_EQ(tensor.dtype, one.dtype) << name;
      EXPECT_EQ(tensor.shape, original.shape) << name;
      const std::vector<float> values = tensor.floats(), expected = original.floats();
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_LE(std::abs(values[i] - expected[i]), one.step * std::abs(expected[i]) + 0x1p-25)
            << name;
      }
    }
    EXPECT_NE(embedded(one.option), embedded("tiny"));
  }
  // What is rounded once is kept for good.
  converted({"--dtype", "f32", "f16", "wide"});
  converted({"--dtype", "f16", "wide", "again"});
  EXPECT_EQ(read_text(folder_ / "again/model.safetensors"),
            read_text(folder_ / "f16/model.safetensors"));
  EXPECT_EQ(embedded("wide"), embedded("f16"));
}

TEST_F(Convert, ShardsHoldTheSameTensors) {
  const ProcessResult result = converted({"--shard-size", "9kB", "tiny", "sharded"});
  Words shards;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "sharded")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".safetensors")) continue;
    shards.push_back(name);
    const io::TensorFile file = io::read_safetensors(entry.path().string());
    std::size_t bytes = 0;
    for (const auto& [tensor, value] : file.tensors) bytes += value.bytes.size();
    EXPECT_TRUE(bytes <= 9000 || file.tensors.size() == 1) << name << ": " << bytes;
  }
  ASSERT_GT(shards.size(), 2u);
  EXPECT_THAT(result.err, HasSubstr("in " + std::to_string(shards.size()) + " files"));
  const nlohmann::json index = io::read_json(folder_ / "sharded/model.safetensors.index.json");
  const io::ModelFolder before = read("tiny");
  EXPECT_EQ(index["weight_map"].size(), before.weights.tensors.size());
  std::size_t total = 0;
  for (const auto& [name, tensor] : before.weights.tensors) total += tensor.bytes.size();
  EXPECT_EQ(index["metadata"]["total_size"], total);
  expect_same_weights("sharded", "tiny");
  EXPECT_EQ(embedded("sharded"), embedded("tiny"));
  converted({"sharded", "whole"});
  expect_same_weights("whole", "tiny");
}

TEST_F(Convert, FilesOfTheTokenizerComeAlong) {
  write_text(folder_ / "tiny/tokenizer_config.json", "{}\n");
  write_text(folder_ / "tiny/train_log.jsonl", "{}\n");
  converted({"tiny", "copy"});
  EXPECT_EQ(read_text(folder_ / "copy/tokenizer_config.json"), "{}\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy/train_log.jsonl"));

  support::TinyModel shape;
  shape.bpe = true;
  support::write_tiny_model(folder_ / "bpe", shape);
  converted({"--shard-size", "9kB", "bpe", "bpe_copy"});
  EXPECT_EQ(read_text(folder_ / "bpe_copy/tokenizer.json"),
            read_text(folder_ / "bpe/tokenizer.json"));
  EXPECT_EQ(embedded("bpe_copy"), embedded("bpe"));
}

TEST_F(Convert, WhatIsRefused) {
  expect_refused({"tiny"}, 2, {"missing argument IN OUT"});
  expect_refused({"tiny", "a", "b"}, 2, {"unexpected argument 'b'"});
  expect_refused({"--dtype", "f8", "tiny", "out"}, 2, {"--dtype 'f8': expected f32, f16 or bf16"});
  for (const std::string size : {"5TB", "-1", "1.5GB", "GB", "99999999999GB"}) {
    expect_refused({"--shard-size=" + size, "tiny", "out"}, 2, {"--shard-size '" + size + "'"});
  }
  expect_refused({"none", "out"}, 2, {"there is no model 'none'"});
  expect_refused({"tiny", "in.fa"}, 1, {"in.fa': it exists already"});
  expect_refused({"tiny", "tiny"}, 1, {"tiny': it exists already"});
  expect_refused({"tiny", "no/out"}, 1, {"there is no folder 'no'"});
}

TEST_F(Convert, ValuesTooLargeForTheTypeAreRefused) {
  io::ModelFolder model = read("tiny");
  io::HostTensor& bias = model.weights.tensors.at("cls.predictions.bias");
  std::vector<float> values = bias.floats();
  values[3] = -70000;
  bias = io::HostTensor::from_floats(bias.shape, values);
  io::write_model_folder(folder_ / "large", model);
  expect_refused({"--dtype", "f16", "large", "out"}, 1,
                 {"large/model.safetensors': tensor cls.predictions.bias holds -70000",
                  "too large for F16", "bf16 or f32"});
  converted({"--dtype", "bf16", "large", "out"});
}

TEST_F(Convert, ASpoiltModelIsRefused) {
  io::ModelFolder model = read("tiny");
  model.weights.tensors.erase("cls.predictions.bias");
  io::write_model_folder(folder_ / "spoilt", model);
  expect_refused({"spoilt", "out"}, 1, {"spoilt/model.safetensors' lacks", "cls.predictions.bias"});
}

}  // namespace
}  // namespace dnabird
