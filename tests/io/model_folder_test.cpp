#include "io/model_folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>

#include "io/output_file.h"
#include "support/child.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using support::TempFolder;
using support::throws_data_error;
using support::throws_usage_error;
using Names = std::vector<std::string>;

ModelFolder make_model(float value) {
  ModelFolder model;
  model.config = {{"model_type", "big_bird"}, {"value", value}, {"dnabird", {{"k", 3}}}};
  model.weights.tensors["w"] = HostTensor::from_floats({2}, {value, -value});
  model.vocabulary = {"[PAD]", "[UNK]", std::to_string(value)};
  return model;
}

/// The value that all parts of a model agree on; -1 if they do not.
float value_of(const ModelFolder& model) {
  const float value = model.config.at("value").get<float>();
  const bool agrees = model.weights.tensors.at("w").floats()[0] == value &&
                      model.vocabulary.at(2) == std::to_string(value);
  return agrees ? value : -1;
}

TEST(ModelFolder, WhatIsWrittenIsReadBack) {
  const TempFolder folder;
  for (const char* name : {"m", "deep/er/m", "slash/"}) {
    write_model_folder(folder / name, make_model(4));
    const ModelFolder read = read_model_folder(folder / name);
    EXPECT_EQ(read.config, make_model(4).config);
    EXPECT_EQ(read.vocabulary, make_model(4).vocabulary);
    EXPECT_EQ(value_of(read), 4);
  }
  EXPECT_EQ(folder.names(), (Names{"deep", "m", "slash"})) << "no partial folder is left";
}

TEST(ModelFolder, AnExistingModelIsReplacedAndOtherFilesStay) {
  const TempFolder folder;
  write_model_folder(folder / "m", make_model(1));
  support::write_text(folder / "m/log.jsonl", "log");
  write_model_folder(folder / "m", make_model(2));
  EXPECT_EQ(value_of(read_model_folder(folder / "m")), 2);
  EXPECT_EQ(support::read_text(folder / "m/log.jsonl"), "log");
  EXPECT_EQ(folder.names(), Names{"m"});
  fs::create_directory(folder / "new");
  support::write_text(folder / "new/log.jsonl", "log");
  write_model_folder(folder / "new", make_model(3));
  EXPECT_EQ(value_of(read_model_folder(folder / "new")), 3);
  EXPECT_TRUE(fs::exists(folder / "new/log.jsonl"));
}

TEST(ModelFolder, NamesWhatIsMissing) {
  const TempFolder folder;
  EXPECT_THAT([&] { read_model_folder(folder / "no"); }, throws_data_error("no'"));
  write_model_folder(folder / "m", make_model(1));
  for (const std::string name : {"config.json", "model.safetensors", "vocab.txt"}) {
    fs::rename(folder / ("m/" + name), folder / "aside");
    EXPECT_THAT([&] { read_model_folder(folder / "m"); }, throws_data_error("/m'", "lacks", name));
    fs::rename(folder / "aside", folder / ("m/" + name));
  }
  support::write_text(folder / "m/config.json", "{");
  EXPECT_THAT([&] { read_model_folder(folder / "m"); }, throws_data_error("m/config.json"));
}

TEST(ModelFolder, APickleIsRefusedWithTheWayOut) {
  const TempFolder folder;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    write_model_folder(folder / "m", make_model(1));
    fs::rename(folder / "m/model.safetensors", folder / ("m/" + std::string(name)));
    EXPECT_THAT(
        [&] { open_model_folder(folder / "m"); },
        throws_data_error("m'", name, "pickle", "never opened", "save_file", "weights_only=True"));
    write_model_folder(folder / "m", make_model(2));
    EXPECT_EQ(value_of(read_model_folder(folder / "m")), 2) << "beside safetensors it is no matter";
    fs::remove_all(folder / "m");
  }
}

TEST(ModelFolder, ShardsAndTokenizerFilesOfTheField) {
  const TempFolder folder;
  ModelFolder model = make_model(1);
  model.tokenizer = "{\"model\": 1}\n";
  model.vocabulary.clear();
  write_model_folder(folder / "m", model);
  EXPECT_FALSE(fs::exists(folder / "m/vocab.txt"));
  EXPECT_EQ(read_model_folder(folder / "m").tokenizer, model.tokenizer);
  fs::rename(folder / "m/model.safetensors", folder / "m/part.safetensors");
  write_json(folder / "m/model.safetensors.index.json",
             {{"weight_map", {{"w", "part.safetensors"}}}});
  const OpenModelFolder open = open_model_folder(folder / "m");
  EXPECT_EQ(open.weights.files(), Names{folder / "m/part.safetensors"});
  EXPECT_EQ(read_model_folder(folder / "m").weights.tensors.at("w").floats()[1], -1);
  // One file goes before shards, as in the field; a model with another tokenizer leaves none.
  write_model_folder(folder / "m", make_model(2));
  EXPECT_EQ(value_of(read_model_folder(folder / "m")), 2);
  EXPECT_FALSE(fs::exists(folder / "m/tokenizer.json"));
}

TEST(ModelFolder, AWriteThatFailsLeavesTheOldModel) {
  const TempFolder folder;
  write_model_folder(folder / "m", make_model(1));
  const auto child = support::run_in_child([&]() -> std::string {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5000, 5000};
    setrlimit(RLIMIT_FSIZE, &limit);
    ModelFolder large = make_model(2);
    large.weights.tensors["x"] = HostTensor::from_floats({90000}, std::vector<float>(90000));
    write_model_folder(folder / "m", large);
    return "written";
  });
  EXPECT_NE(child.said.find("model.safetensors': File too large"), std::string::npos) << child.said;
  EXPECT_EQ(folder.names(), Names{"m"});
  EXPECT_EQ(value_of(read_model_folder(folder / "m")), 1);
}

/// The states that a kill leaves: `moved` of vocab, weights, config have reached the model folder.
class KilledWrite : public testing::TestWithParam<int> {};

TEST_P(KilledWrite, IsFinishedOrUndone) {
  const Names order = {"vocab.txt", "model.safetensors", "config.json"};
  for (const bool had_model : {true, false}) {
    const TempFolder folder;
    write_model_folder(folder / "new", make_model(2));
    fs::create_directory(folder / "m");
    if (had_model) {
      write_model_folder(folder / "m", make_model(1));
      fs::remove(folder / "m/config.json");  // gone before the first file moves
    }
    fs::rename(folder / "new", folder / "m.partial");
    for (int i = 0; i < GetParam(); ++i) {
      fs::rename(folder / "m.partial/" + order[i], folder / "m/" + order[i]);
    }
    EXPECT_EQ(value_of(read_model_folder(folder / "m")), 2) << had_model;
    if (GetParam() < 3) {
      EXPECT_EQ(folder.names(), Names{"m"});
    }
    write_model_folder(folder / "m", make_model(3));
    EXPECT_EQ(value_of(read_model_folder(folder / "m")), 3) << had_model;
    EXPECT_EQ(folder.names(), Names{"m"});
  }
}

INSTANTIATE_TEST_SUITE_P(Moved, KilledWrite, testing::Values(0, 1, 2, 3));

TEST(ModelFolder, KilledBeforeItsFilesWereComplete) {
  const TempFolder folder;
  write_model_folder(folder / "m", make_model(1));
  fs::create_directory(folder / "m.partial");
  support::write_text(folder / "m.partial/vocab.txt", "x");
  support::write_text(folder / "m.partial/.model.safetensors.partial-17", "half");
  EXPECT_EQ(value_of(read_model_folder(folder / "m")), 1);
  write_model_folder(folder / "m", make_model(2));
  EXPECT_EQ(value_of(read_model_folder(folder / "m")), 2);
  EXPECT_EQ(folder.names(), Names{"m"});
}

TEST(ModelFolder, KilledAtAnyMomentItIsOneModelOrTheOther) {
  const TempFolder folder;
  write_model_folder(folder / "m", make_model(1));
  for (int round = 0; round < 25; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 2;; ++i) write_model_folder(folder / "m", make_model(static_cast<float>(i)));
    }
    usleep(2000 + 1700 * static_cast<unsigned>(round % 7));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_GE(value_of(read_model_folder(folder / "m")), 1) << round;
  }
}

TEST(Json, ErrorsNameLineAndColumn) {
  const TempFolder folder;
  write_json(folder / "a.json", {{"x", {1, 2}}});
  EXPECT_EQ(read_json(folder / "a.json"), (nlohmann::json{{"x", {1, 2}}}));
  const auto reading = [&](const std::string& text) {
    support::write_text(folder / "b.json", text);
    return [&] { read_json(folder / "b.json"); };
  };
  EXPECT_THAT(reading("{\"a\": 1,\n \"b\": x}"), throws_data_error("b.json", "line 2, column 7"));
  EXPECT_THAT(reading("x"), throws_data_error("line 1, column 1"));
  EXPECT_THAT(reading("{\n\n"), throws_data_error("line 3, column 1"));
  EXPECT_THAT(reading(""), throws_data_error("b.json", "empty"));
  EXPECT_THAT([&] { read_json(folder / "no.json"); }, throws_data_error("no.json", "No such file"));
  EXPECT_THAT([&] { write_json("/dev/full", 1); }, throws_data_error("No space left"));
}

TEST(FindModel, LooksWhereItSays) {
  const TempFolder folder;
  write_model_folder(folder / "here", make_model(1));
  EXPECT_EQ(find_model(folder / "here"), folder / "here");
  const char* old = getenv("DNABIRD_MODELS");
  const std::string saved = old ? old : "";
  setenv("DNABIRD_MODELS", folder.path().c_str(), 1);
  EXPECT_EQ(find_model("here"), folder / "here");
  EXPECT_THAT([&] { find_model("nowhere"); },
              throws_usage_error("'nowhere'", folder / "nowhere", "share/dnabird/models/nowhere",
                                 "DNABIRD_MODELS"));
  EXPECT_THAT([&] { find_model("a/here"); }, throws_usage_error("'a/here'"));
  EXPECT_THAT([&] { find_model(""); }, throws_usage_error("there is no model ''"));
  setenv("DNABIRD_MODELS", "", 1);
  EXPECT_THAT([&] { find_model("here"); }, throws_usage_error("'here'"));
  if (old) {
    setenv("DNABIRD_MODELS", saved.c_str(), 1);
  } else {
    unsetenv("DNABIRD_MODELS");
  }
}

}  // namespace
}  // namespace dnabird::io
