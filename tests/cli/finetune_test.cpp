// dnabird finetune as a user runs it: learns, evaluates, stops early, resumes, refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "io/model_folder.h"
#include "io/sha256.h"
#include "support/process.h"
#include "support/table.h"
#include "support/tiny_model.h"
#include "support/toy_training.h"
#include "support/training_command.h"

namespace dnabird {
namespace {

using namespace support;
using testing::HasSubstr;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

class Finetune : public TrainingCommand {
 protected:
  void SetUp() override { write_toy_files(folder_); }

  ProcessResult run(const Words& more, ProcessOptions options = {}) override {
    Words words = with_defaults(
        more, {{"--dev", "dev.csv"}, {"-o", "model"}, {"--batch-size", "16"}, {"--threads", "1"}});
    words.insert(words.begin(), "finetune");
    options.folder = folder_.path();
    return run_dnabird(words, options);
  }
  /// Options of the toy task from scratch, with others beside or in place of them.
  static Words toy(const Words& more) {
    return with_defaults(more, {{"--architecture", "toy.json"},
                                {"--task", "promoter"},
                                {"--train", "train.csv"},
                                {"--lr", "5e-3"}});
  }
  ProcessResult run_toy(const Words& more, const ProcessOptions& options = {}) {
    return run(toy(more), options);
  }
};

TEST_F(Finetune, LearnsAMotifAndKeepsTheBestStep) {
  const ProcessResult result =
      run_toy({"--steps", "160", "--eval-every", "20", "--tss-offset", "40"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const nlohmann::json ours = config()["dnabird"];
  EXPECT_EQ(ours["targets"], (Words{"other", "promoter"}));
  EXPECT_EQ(ours["window_bases"], 56);
  EXPECT_EQ(ours["tss_offset"], 40);
  EXPECT_FALSE(ours["masked_lm"]) << "nothing trained that head";
  const nlohmann::json made = ours["provenance"];
  EXPECT_GE(made["metrics"]["MCC"], 0.9);
  EXPECT_EQ(made["steps"], 160);
  EXPECT_EQ(made["seed"], 1);
  EXPECT_EQ(made["command"].get<std::string>().find("dnabird finetune --steps 160 "), 0u);
  ASSERT_EQ(made["data"].size(), 3u);
  EXPECT_EQ(made["data"][1]["path"], "dev.csv");
  EXPECT_EQ(made["data"][1]["sha256"], io::sha256_of_file(folder_ / "dev.csv"));

  const std::vector<nlohmann::json> lines = read_log(log());
  ASSERT_EQ(lines.size(), 160u + 8 + 1);
  for (const char* key : {"loss", "lr", "gradient_norm", "tokens", "tokens_per_second"}) {
    EXPECT_TRUE(lines[0].contains(key)) << key;
  }
  double best = -1;
  for (const nlohmann::json& line : lines) {
    if (line.contains("dev")) best = std::max(best, line["dev"]["MCC"].get<double>());
  }
  EXPECT_EQ(made["metrics"]["MCC"], best);
  EXPECT_EQ(lines.back()["finished"], 160);
  EXPECT_EQ(lines.back()["best_step"], made["best_step"]);
}

TEST_F(Finetune, ResumesToTheSameBytesAfterAnyKill) {
  const Words options = {"--steps",       "240", "--eval-every", "30",  "--checkpoint-every", "7",
                         "--accumulate",  "2",   "--average",    "0.9", "--masked-lm-weight", "0.2",
                         "--both-strands"};
  ASSERT_EQ(run_toy(options).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "whole");
  Words resumed = options;
  resumed.push_back("--resume");
  int killed = 0;
  for (const std::size_t line : {1, 20, 33, 64, 118, 150}) {
    ProcessOptions options_of_child;
    options_of_child.meanwhile = kill_at_line(log(), line);
    // On a busy machine a late run may be done before the signal comes.
    const int exit_code = run_toy(line == 1 ? options : resumed, options_of_child).exit_code;
    killed += exit_code == 128 + SIGKILL ? 1 : 0;
    EXPECT_EQ(fs::exists(folder_ / "model/config.json"), exit_code == 0);
  }
  EXPECT_GE(killed, 3);
  const ProcessResult end = run_toy(resumed);
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("resuming behind step "));
  expect_same_as_whole();
  // What is finished stays so.
  const std::string model = read_text(folder_ / "model/model.safetensors");
  ASSERT_EQ(run_toy(resumed).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "model/model.safetensors"), model);
}

TEST_F(Finetune, SurvivesKillsWhileCheckpointsAreWritten) {
  const Words options = {"--steps", "60", "--eval-every", "60", "--checkpoint-every", "1"};
  ASSERT_EQ(run_toy(options).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "whole");
  Words resumed = options;
  resumed.push_back("--resume");
  for (int milliseconds = 60; milliseconds < 300; milliseconds += 47) {
    const bool begun = fs::exists(folder_ / "model/checkpoint.safetensors");
    ProcessOptions killed;
    killed.meanwhile = [&](pid_t child) {
      wait_until([&] { return fs::exists(folder_ / "model/checkpoint.safetensors"); });
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      kill(child, SIGKILL);
    };
    run_toy(begun ? resumed : options, killed);
  }
  ASSERT_EQ(run_toy(resumed).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "model/model.safetensors"),
            read_text(folder_ / "whole/model.safetensors"));
  EXPECT_EQ(read_text(folder_ / "model/config.json"), read_text(folder_ / "whole/config.json"));
}

TEST_F(Finetune, ThreadsChangeNoByte) {
  const Words options = {"--steps", "10", "--eval-every", "5", "--masked-lm-weight", "0.2"};
  ASSERT_EQ(run_toy(options).exit_code, 0);
  fs::rename(folder_ / "model", folder_ / "one");
  Words two = options;
  two.insert(two.end(), {"--threads", "2"});
  ASSERT_EQ(run_toy(two).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "model/model.safetensors"),
            read_text(folder_ / "one/model.safetensors"));
  EXPECT_EQ(log_without_times(log()), log_without_times(folder_ / "one/train_log.jsonl"));
}

TEST_F(Finetune, ANumberOfThreadsMayChangeOnResumeAndNothingElse) {
  const Words options = {"--steps", "20", "--eval-every", "10"};
  ASSERT_EQ(run_toy(options).exit_code, 0);
  fs::remove(folder_ / "model/config.json");
  const auto with = [&](Words more) {
    more.insert(more.end(), options.begin(), options.end());
    more.push_back("--resume");
    return toy(more);
  };
  expect_refused(with({"--lr", "1e-3"}), 2, {"--lr", "0.001", "0.005"});
  expect_refused(with({"--seed", "2"}), 2, {"--seed"});
  expect_refused(with({"--both-strands"}), 2, {"--both-strands"});
  write_toy_classes(folder_ / "other.csv", 240, 3);
  expect_refused(with({"--train", "other.csv"}), 2, {"--train", "not the files"});
  EXPECT_EQ(run(with({"--threads", "2"})).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "model/config.json"));
}

TEST_F(Finetune, StopsEarlyWithoutGain) {
  // The learning rate has hardly begun to rise.
  const ProcessResult result =
      run_toy({"--steps", "100000", "--eval-every", "2", "--patience", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json last = read_log(log()).back();
  EXPECT_LT(last["finished"], 10000);
  EXPECT_EQ(last["finished"].get<int>() - last["best_step"].get<int>(), 6);
}

TEST_F(Finetune, ALossThatIsNotFiniteStopsTheRun) {
  const ProcessResult result = run_toy({"--lr", "1e20", "--warmup", "0", "--clip", "0", "--steps",
                                        "50", "--eval-every", "50", "--checkpoint-every", "10"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("; training stopped, "));
  EXPECT_THAT(result.err, HasSubstr("last good checkpoint is 'model/checkpoint.safetensors' of "
                                    "step 0"));
  EXPECT_TRUE(fs::exists(folder_ / "model/checkpoint.safetensors"));
  EXPECT_FALSE(fs::exists(folder_ / "model/config.json"));
}

TEST_F(Finetune, BeginsWithAPretrainedModelAndLeavesItAlone) {
  write_tiny_model(folder_ / "base", {.promoter_head = false});
  const std::string before = read_text(folder_ / "base/model.safetensors");
  const Words words = {"-m",        "base",    "--task", "classification",  "--train",
                       "train.csv", "--steps", "2",      "--class-weights", "balanced"};
  const ProcessResult result = run(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(read_text(folder_ / "base/model.safetensors"), before);
  const nlohmann::json ours = config()["dnabird"];
  EXPECT_TRUE(ours["masked_lm"]);
  EXPECT_EQ(ours["targets"], (Words{"0", "1"}));
  EXPECT_EQ(ours["provenance"]["base"]["name"], "base");
  EXPECT_EQ(ours["provenance"]["base"]["sha256"],
            io::sha256_of_file(folder_ / "base/model.safetensors"));
  Words onto = words;
  onto.insert(onto.end(), {"-o", "base"});
  const ProcessResult refused = run(onto);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("is the model to begin with"));
}

TEST_F(Finetune, RegressionPredictsInTheUnitsOfTheTargets) {
  ToySequences sequences(8);
  for (const char* name : {"train.csv", "dev.csv"}) {
    std::string text = "sequence,activity,half\n";
    for (int i = 0; i < 120; ++i) {
      const bool has = i % 2 == 1;
      text += (has ? sequences.with_motif(48) : sequences.random(48)) +
              (has ? ",1200," : ",1000,") +
              (i % 3 == 0 ? ""
               : has      ? "-1"
                          : "1") +
              "\n";
    }
    write_text(folder_ / name, text);
  }
  const ProcessResult result =
      run({"--architecture", "toy.json", "--task", "regression", "--targets", "activity,half",
           "--train", "train.csv", "--lr", "5e-3", "--steps", "300", "--eval-every", "30"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json metrics = config()["dnabird"]["provenance"]["metrics"];
  EXPECT_GE(metrics["Pearson"], 0.8);
  EXPECT_LT(metrics["activity"]["MSE"], 0.3 * 100 * 100) << "variance of the truth: 100 squared";
  EXPECT_LT(metrics["half"]["MSE"], 0.3);
  const io::ModelFolder made = io::read_model_folder(folder_ / "model");
  const std::vector<float> bias = made.weights.tensors.at("classifier.out_proj.bias").floats();
  EXPECT_NEAR(bias[0], 1100, 150) << "the weights themselves are in the units of the targets";
}

TEST_F(Finetune, LearnsSeveralLabelsWithMissingOnes) {
  ToySequences sequences(8);
  for (const char* name : {"train.csv", "dev.csv"}) {
    std::string text = "sequence,motif,none\n";
    for (int i = 0; i < 240; ++i) {
      const bool has = i % 4 == 1;
      text += (has ? sequences.with_motif(48) : sequences.random(48)) + (has ? ",1" : ",0") +
              (i % 3 == 0   ? ",NA"
               : i % 2 == 1 ? ",0"
                            : ",1") +
              "\n";
    }
    write_text(folder_ / name, text);
  }
  const ProcessResult result =
      run({"--architecture", "toy.json", "--task", "multi_label", "--targets", "motif,none",
           "--train", "train.csv", "--lr", "5e-3", "--steps", "240", "--eval-every", "30",
           "--class-weights", "balanced"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json metrics = config()["dnabird"]["provenance"]["metrics"];
  EXPECT_GE(metrics["motif"]["AUROC"], 0.95);
}

TEST_F(Finetune, ClassWeightsMoveTheCalls) {
  // Nothing to be learnt but how often a class comes: with a weight the rare one is called.
  ToySequences sequences(8);
  std::string text = "sequence,label\n";
  for (int i = 0; i < 160; ++i) text += sequences.random(48) + (i % 4 == 0 ? ",1\n" : ",0\n");
  write_text(folder_ / "train.csv", text);
  const Words words = {"--steps", "30", "--eval-every", "30", "--lr", "2e-3"};
  Words weighted = words;
  weighted.insert(weighted.end(), {"--class-weights", "1,12"});
  ASSERT_EQ(run_toy(words).exit_code, 0);
  const auto f1 = [&] { return config()["dnabird"]["provenance"]["metrics"]["F1"].get<double>(); };
  EXPECT_EQ(f1(), 0) << "the frequent class everywhere";
  fs::remove_all(folder_ / "model");
  ASSERT_EQ(run_toy(weighted).exit_code, 0);
  EXPECT_GT(f1(), 0.5) << "the rare class everywhere, half of dev";
}

TEST_F(Finetune, CalibrationUndoesClassWeightsAndKeepsTheOrder) {
  ToySequences sequences(8);
  std::string text = "sequence,label\n";
  for (int i = 0; i < 160; ++i) text += sequences.random(48) + (i % 4 == 0 ? ",1\n" : ",0\n");
  write_text(folder_ / "train.csv", text);
  const Words weighted = {"--steps", "30",   "--eval-every",    "30",
                          "--lr",    "2e-3", "--class-weights", "1,12"};
  Words calibrated = weighted;
  calibrated.push_back("--calibrate");
  ASSERT_EQ(run_toy(weighted).exit_code, 0);
  const nlohmann::json before = config()["dnabird"]["provenance"];
  fs::remove_all(folder_ / "model");
  const ProcessResult result = run_toy(calibrated);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json after = config()["dnabird"]["provenance"];
  EXPECT_FALSE(before.contains("calibrated"));
  EXPECT_EQ(after["calibrated"], true);
  EXPECT_LT(after["metrics"]["loss"].get<double>(), before["metrics"]["loss"].get<double>());
  EXPECT_NEAR(after["metrics"]["AUROC"].get<double>(), before["metrics"]["AUROC"].get<double>(),
              1e-3);
  // What was measured is what was written.
  const ProcessResult measured = run_dnabird(
      {"evaluate", "-m", "model", "--data", "dev.csv", "--resamples", "0", "--precision", "f32"},
      {.folder = folder_.path()});
  int seen = 0;
  for (const std::vector<std::string>& row : support::rows_of(measured.out)) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      if (row[i] != "MCC" && row[i] != "accuracy") continue;
      EXPECT_NEAR(std::stod(row[i + 1]), after["metrics"][row[i]].get<double>(), 1e-4);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 2) << measured.out << measured.err;
}

TEST_F(Finetune, TrainThatSharesWithDevIsRefusedOrDropped) {
  std::string text = read_text(folder_ / "dev.csv");
  const std::size_t row = text.find('\n') + 1;
  const std::string shared = text.substr(row + 5, 24);
  write_text(folder_ / "train.csv", read_text(folder_ / "train.csv") + "ACG" + shared + "TTT,0\n" +
                                        "ACG" + shared.substr(1) + "TTT,1\n");
  const Words words = {"--architecture", "toy.json",  "--task",  "promoter",
                       "--train",        "train.csv", "--steps", "2"};
  expect_refused(words, 1,
                 {"1 of 242 train sequences", "24 bases", "'train.csv' line 242", "--drop-shared"});
  Words dropped = words;
  dropped.push_back("--drop-shared");
  const ProcessResult result = run(dropped);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 of 242 train sequences"));
}

TEST_F(Finetune, BadInputIsOneLineAndLeavesNoModel) {
  write_text(folder_ / "no_label.csv", "sequence,lable\nACGTACGT,1\n");
  write_text(folder_ / "bad_label.csv", "sequence,label\nACGTACGT,1\nACGTACGT,yes\n");
  write_text(folder_ / "value.csv", "sequence,label\nACGTACGT,high\n");
  write_text(folder_ / "empty.csv", "");
  write_text(folder_ / "header.csv", "sequence,label\n");
  write_text(folder_ / "long.csv", "sequence,label\n" + std::string(70, 'A') + ",1\n");
  write_text(folder_ / "one.csv", "sequence,label\nACGTACGT,1\nACGTACGT,1\n");
  write_text(folder_ / "bad.json", R"({"model_type": "big_bird", "block_size": 17,
    "dnabird": {"k": 3}})");
  expect_refused(toy({"--train", "none.csv"}), 1, {"none.csv"});
  expect_refused(toy({"--train", "no_label.csv"}), 1, {"no_label.csv", "label"});
  expect_refused(toy({"--train", "bad_label.csv"}), 1, {"'bad_label.csv' line 3", "'yes'"});
  expect_refused(toy({"--train", "empty.csv"}), 1, {"empty.csv", "empty"});
  expect_refused(toy({"--train", "header.csv"}), 1, {"header.csv", "no row"});
  expect_refused(toy({"--train", "long.csv"}), 1, {"'long.csv' line 2", "70 bases", "62"});
  expect_refused({"--architecture", "toy.json", "--task", "regression", "--train", "value.csv"}, 1,
                 {"'value.csv' line 2", "'high'", "not a number"});
  expect_refused({"--architecture", "toy.json", "--task", "classification", "--targets", "a",
                  "--train", "train.csv"},
                 1, {"train.csv"});
  expect_refused({"--architecture", "bad.json", "--task", "promoter", "--train", "train.csv"}, 1,
                 {"bad.json", "block_size", "17"});
  expect_refused({"-m", "no/model", "--task", "promoter", "--train", "train.csv"}, 2, {"no/model"});
  expect_refused(toy({"--train", "train.csv", "--resume"}), 1,
                 {"no checkpoint 'model/checkpoint.safetensors'"});
  expect_refused(toy({"--train", "train.csv", "-o", "train.csv/model"}), 1, {"train.csv/model"});
  EXPECT_FALSE(fs::exists(folder_ / "model"));
}

TEST_F(Finetune, BadUsageIsOneLine) {
  expect_refused({"--architecture", "toy.json", "--train", "train.csv"}, 2, {"--task"});
  expect_refused({"--task", "promoter", "--train", "train.csv"}, 2, {"-m/--model"});
  expect_refused({"--architecture", "toy.json", "--task", "promoter"}, 2, {"--train"});
  expect_refused(toy({"--task", "promotor"}), 2, {"'promotor'", "promoter"});
  expect_refused(toy({"-m", "base"}), 2, {"one of"});
  expect_refused(toy({"--lr", "0"}), 2, {"--lr"});
  expect_refused(toy({"--task", "multi_label", "--calibrate"}), 2, {"--calibrate", "multi_label"});
  expect_refused(toy({"--schedule", "step"}), 2, {"--schedule", "'step'", "cosine"});
  expect_refused(toy({"--average", "1"}), 2, {"--average"});
  expect_refused(toy({"--class-weights", "1,2,3"}), 2, {"--class-weights", "3 numbers"});
  expect_refused(toy({"--class-weights", "1,x"}), 2, {"--class-weights", "'x'"});
  expect_refused(toy({"--steps", "10", "--warmup", "11"}), 2, {"--warmup", "10"});
  expect_refused(toy({"--eval-every", "-1"}), 2, {"--eval-every"});
  expect_refused(toy({"--tss-offset", "56"}), 2, {"--tss-offset", "56"});
  EXPECT_FALSE(fs::exists(folder_ / "model"));
  ASSERT_EQ(run_toy({"--steps", "1"}).exit_code, 0);
  const ProcessResult again = run_toy({"--steps", "1"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--resume"));
}

}  // namespace
}  // namespace dnabird
