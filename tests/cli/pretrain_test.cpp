// dnabird pretrain as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "io/model_folder.h"
#include "io/safetensors.h"
#include "support/process.h"
#include "support/toy_training.h"
#include "support/training_command.h"

namespace dnabird {
namespace {

using namespace support;
using testing::HasSubstr;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

/// Nearly all A and T, or nearly all G and C: what a hidden base is, the rest of the sequence says.
std::string rich_in(const char* two, ToySequences& sequences, std::size_t n) {
  std::string bases = sequences.random(n);
  for (char& base : bases) {
    if (sequences.below(20) != 0) base = two[sequences.below(2)];
  }
  return bases;
}

class Pretrain : public TrainingCommand {
 protected:
  void SetUp() override {
    write_toy_architecture(folder_ / "toy.json");
    ToySequences sequences(4);
    write_text(folder_ / "genome.fa", ">one\n" + rich_in("AT", sequences, 900) + "\n>two\n" +
                                          rich_in("GC", sequences, 900) + "\n>three\n" +
                                          rich_in("AT", sequences, 100) + "NNNN" +
                                          rich_in("AT", sequences, 100) + "\n");
    std::string csv = "sequence,label\n", dev = "sequence,label\n";
    for (int i = 0; i < 30; ++i) {
      csv += rich_in(i % 2 ? "AT" : "GC", sequences, 45 + sequences.below(12)) + ",x\n";
    }
    for (int i = 0; i < 20; ++i) dev += rich_in(i % 2 ? "AT" : "GC", sequences, 50) + ",x\n";
    write_text(folder_ / "more.csv", csv);
    write_text(folder_ / "dev.csv", dev);
  }

  ProcessResult run(const Words& more, ProcessOptions options = {}) override {
    Words words = with_defaults(more, {{"-o", "model"}, {"--batch-size", "8"}, {"--threads", "1"}});
    if (std::find(words.begin(), words.end(), "-m") == words.end()) {
      words = with_defaults(words, {{"--architecture", "toy.json"}});
    }
    words.insert(words.begin(), "pretrain");
    options.folder = folder_.path();
    return run_dnabird(words, options);
  }
};

TEST_F(Pretrain, LearnsFromFastaAndCsvMixed) {
  const ProcessResult result =
      run({"genome.fa", "more.csv", "--weights", "3,1", "--window", "48", "--steps", "300",
           "--eval-every", "50", "--lr", "1e-2", "--dev", "dev.csv", "--mask-fraction", "0.3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json ours = config()["dnabird"];
  EXPECT_EQ(ours["window_bases"], 48);
  EXPECT_EQ(ours["task"], "none");
  EXPECT_TRUE(ours["masked_lm"]);
  const nlohmann::json metrics = ours["provenance"]["metrics"];
  // A base holds 1.29 bits where its sequence is known, and a 3-mer one bit more where it is not.
  const double bits = metrics["loss"].get<double>() / std::log(2.0);
  EXPECT_LT(bits, 4.3) << "3.9 with the rest of the sequence, 4.9 without";
  EXPECT_GT(metrics["accuracy"], 1.5 / 16);
  EXPECT_GT(metrics["bits_per_base"], 1.2);
  EXPECT_EQ(ours["provenance"]["data"].size(), 4u);
}

TEST_F(Pretrain, ResumesToTheSameBytesAfterAnyKill) {
  const Words options = {"genome.fa",          "more.csv", "--steps",   "240",
                         "--eval-every",       "40",       "--dev",     "dev.csv",
                         "--checkpoint-every", "11",       "--average", "0.9",
                         "--schedule",         "cosine"};
  ASSERT_EQ(run(options).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "whole");
  Words resumed = options;
  resumed.push_back("--resume");
  int killed = 0;
  for (const std::size_t line : {1, 41, 90, 147}) {
    ProcessOptions options_of_child;
    options_of_child.meanwhile = kill_at_line(log(), line);
    // On a busy machine a late run may be done before the signal comes.
    const int exit_code = run(line == 1 ? options : resumed, options_of_child).exit_code;
    killed += exit_code == 128 + SIGKILL ? 1 : 0;
  }
  EXPECT_GE(killed, 2);
  const ProcessResult end = run(resumed);
  ASSERT_EQ(end.exit_code, 0) << end.err;
  expect_same_as_whole();
}

TEST_F(Pretrain, ThreadsChangeNoByte) {
  ASSERT_EQ(run({"genome.fa", "--steps", "8"}).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "one");
  ASSERT_EQ(run({"genome.fa", "--steps", "8", "--threads", "2"}).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "model/model.safetensors"),
            read_text(folder_ / "one/model.safetensors"));
}

TEST_F(Pretrain, SeveralDevicesLearnTogetherWhatOneLearns) {
  const Words words{"genome.fa",    "more.csv", "--dev",        "dev.csv", "--steps",   "12",
                    "--eval-every", "4",        "--accumulate", "3",       "--dropout", "0"};
  const auto with = [&](const Words& more) {
    Words all = words;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  ASSERT_EQ(run(with({"--device", "cpu", "-o", "one"})).exit_code, 0);
  ASSERT_EQ(run(with({"--device", "cpu,cpu", "-o", "whole"})).exit_code, 0);
  ASSERT_EQ(run(with({"--device", "cpu,cpu"})).exit_code, 0);
  const auto last_loss = [&](const std::string& folder) {
    double loss = 0;
    for (const nlohmann::json& line : read_log(folder_ / (folder + "/train_log.jsonl"))) {
      if (line.contains("loss")) loss = line["loss"];
    }
    return loss;
  };
  EXPECT_NEAR(last_loss("whole"), last_loss("one"), 1e-3);
  EXPECT_EQ(read_text(folder_ / "model/model.safetensors"),
            read_text(folder_ / "whole/model.safetensors"));
}

TEST_F(Pretrain, ANewSeedIsANewModel) {
  ASSERT_EQ(run({"genome.fa", "--steps", "2"}).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "one");
  ASSERT_EQ(run({"genome.fa", "--steps", "2", "--seed", "2"}).exit_code, 0);
  EXPECT_NE(read_text(folder_ / "model/model.safetensors"),
            read_text(folder_ / "one/model.safetensors"));
}

TEST_F(Pretrain, GoesOnFromAModelWithOtherWindows) {
  ASSERT_EQ(run({"genome.fa", "--steps", "20", "--window", "20", "-o", "first"}).exit_code, 0);
  // So small a step leaves the weights where they were.
  const ProcessResult result = run({"genome.fa", "-m", "first", "--window", "48", "--steps", "1",
                                    "--lr", "1e-12", "--dev", "dev.csv"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(config()["dnabird"]["window_bases"], 48);
  const nlohmann::json provenance = config()["dnabird"]["provenance"];
  EXPECT_EQ(provenance["base"]["name"], "first");
  EXPECT_EQ(provenance["base"]["provenance"]["data"].size(), 2u);
  const io::TensorFile before = io::read_safetensors(folder_ / "first/model.safetensors");
  const io::TensorFile after = io::read_safetensors(folder_ / "model/model.safetensors");
  for (const auto& [name, tensor] : before.tensors) {
    EXPECT_THAT(after.tensors.at(name).floats(),
                ::testing::Pointwise(::testing::FloatNear(1e-9f), tensor.floats()))
        << name;
  }
}

TEST_F(Pretrain, WithoutDevTheLastStepIsKept) {
  const ProcessResult result = run({"genome.fa", "--steps", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_FALSE(config()["dnabird"]["provenance"].contains("metrics"));
  const std::vector<nlohmann::json> lines = read_log(log());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_TRUE(lines[3]["best_step"].is_null());
}

TEST_F(Pretrain, CutsOutWhatDevAndExcludeHold) {
  ToySequences sequences(6);
  const std::string left = sequences.random(60), middle = sequences.random(30),
                    right = sequences.random(60), other = sequences.random(24);
  write_text(folder_ / "x.fa", ">c\n" + left + middle + right + other + "\n>d\n" + left + "\n");
  write_text(folder_ / "dev.csv", "sequence\n" + middle + "\n");
  write_text(folder_ / "exclude.fa", ">e\n" + other + "\n");
  ProcessResult result =
      run({"x.fa", "--steps", "1", "--dev", "dev.csv", "--mask-fraction", "0.5"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("'x.fa': 234 bases, of these 30 in 1 sequences cut out"));
  fs::remove_all(folder_ / "model");
  result = run({"x.fa", "--steps", "1", "--dev", "dev.csv", "--mask-fraction", "0.5", "--exclude",
                "exclude.fa"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("of these 54 in 1 sequences cut out"));
}

TEST_F(Pretrain, BadInputIsOneLineAndLeavesNoModel) {
  write_text(folder_ / "empty.fa", "");
  write_text(folder_ / "unknown.fa", ">n\n" + std::string(100, 'N') + "\n");
  write_text(folder_ / "bases.csv", "bases\nACGT\n");
  write_text(folder_ / "head.json", R"({"model_type": "big_bird", "hidden_size": 16,
    "dnabird": {"k": 3, "task": "classification", "targets": ["a", "b"]}})");
  write_text(folder_ / "broken.json", "{\"model_type\": ");
  expect_refused({"none.fa"}, 1, {"none.fa"});
  expect_refused({"empty.fa"}, 1, {"empty.fa", "empty"});
  expect_refused({"bases.csv"}, 1, {"bases.csv", "sequence"});
  expect_refused({"genome.fa", "--resume"}, 1, {"no checkpoint"});
  expect_refused({"genome.fa", "-o", "genome.fa/model"}, 1, {"genome.fa/model"});
  expect_refused({"genome.fa", "--architecture", "broken.json"}, 1, {"broken.json", "line 1"});
  expect_refused({"genome.fa", "--architecture", "head.json"}, 2, {"head.json"});
  EXPECT_FALSE(fs::exists(folder_ / "model"));
  const ProcessResult unknown = run({"unknown.fa"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("'unknown.fa' has no window"));
}

TEST_F(Pretrain, BadUsageIsOneLine) {
  expect_refused({"genome.fa", "--window", "63"}, 2, {"--window", "62"});
  expect_refused({"genome.fa", "--window", "4"}, 2, {"--window", "16"});
  expect_refused({"genome.fa", "--weights", "1,a"}, 2, {"--weights", "'a'"});
  expect_refused({"genome.fa", "--steps", "0"}, 2, {"--steps"});
  expect_refused({"genome.fa", "--steps", "5", "--warmup", "6"}, 2, {"--warmup", "5 steps"});
  expect_refused({"genome.fa", "--mask-fraction", "1"}, 2, {"--mask-fraction"});
  expect_refused({"genome.fa", "--mask-least", "5", "--mask-most", "4"}, 2, {"--mask-most"});
  expect_refused({"genome.fa", "-o", "-"}, 2, {"--output"});
  expect_refused({"genome.fa", "-m", "base", "--architecture", "toy.json"}, 2,
                 {"one of -m/--model and --architecture"});
}

}  // namespace
}  // namespace dnabird
