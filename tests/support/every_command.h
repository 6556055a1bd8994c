// Every command of the program on small files, to see what each makes of the same trouble.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rng.h"
#include "support/process.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

namespace dnabird::support {

class EveryCommand : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  static constexpr const char* kCommands[] = {"score",    "annotate", "embed",    "tokenize",
                                              "pretrain", "finetune", "evaluate", "info"};

  /// The files that the command lines below name, each with what a command needs of it and no more.
  EveryCommand() {
    write_tiny_model(folder_ / "tiny", {.channels = 8, .feed_forward = 8, .layers = 1});
    write_text(folder_ / "toy.json", R"({"model_type": "big_bird", "hidden_size": 8,
      "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
      "max_position_embeddings": 64, "block_size": 16, "dnabird": {"k": 3}})");
    write_text(folder_ / "train.csv", labelled(12, 1));
    write_text(folder_ / "dev.csv", labelled(6, 2));
    write_genome(folder_ / "genome.fa");
    write_text(folder_ / "in.vcf",
               "##fileformat=VCFv4.2\n"
               "##INFO=<ID=AF,Number=1,Type=Float,Description=\"Frequency\">\n"
               "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
               "z\t400\t.\tN\tA\t.\t.\tAF=0.5\nz\t600\t.\tN\tC\t.\t.\tAF=0.25\n");
    write_text(folder_ / "calls.bed", "z\t100\t300\tp\t990\t+\t0.99\t250\n");
    write_text(folder_ / "sites.bed", "z\t260\t261\ts\t0\t+\n");
  }

  /// A command line that works in the folder of the test. It writes `out`, or the model folder
  /// `out` with training commands.
  static Words working(const std::string& command) {
    Words words = {command};
    const auto add = [&](const Words& more) {
      words.insert(words.end(), more.begin(), more.end());
    };
    if (command == "score") add({"-f", "genome.fa", "in.vcf"});
    if (command == "annotate") add({"genome.fa"});
    if (command == "embed") add({"train.csv"});
    if (command == "tokenize") add({"genome.fa"});
    if (command == "pretrain") add({"--architecture", "toy.json", "genome.fa"});
    if (command == "finetune") {
      add({"--task", "promoter", "--train", "train.csv", "--dev", "dev.csv"});
    }
    if (command == "evaluate") add({"--data", "dev.csv", "--resamples", "10"});
    if (is_training(command)) add({"--steps", "1"});
    if (command == "info") {
      add({"tiny"});
    } else if (command != "pretrain") {
      add({"-m", "tiny"});
    }
    if (has_device(command)) add({"--threads", "1"});
    add({"-o", "out"});
    return words;
  }

  static bool is_training(const std::string& command) {
    return command == "pretrain" || command == "finetune";
  }
  static bool has_device(const std::string& command) {
    return command != "tokenize" && command != "info";
  }

  /// `words` with another value for an option that they have, or with option and value behind them.
  static Words with(Words words, const std::string& option, const std::string& value) {
    const auto found = std::find(words.begin(), words.end(), option);
    if (found == words.end()) {
      words.insert(words.end(), {option, value});
    } else {
      *(found + 1) = value;
    }
    return words;
  }
  static Words replaced(Words words, const std::string& from, const std::string& to) {
    std::replace(words.begin(), words.end(), from, to);
    return words;
  }

  ProcessResult run(const Words& words, ProcessOptions options = {}) const {
    options.folder = folder_.path();
    return run_dnabird(words, options);
  }

  /// One line without control characters that names the command and holds all parts.
  static void expect_one_line(const ProcessResult& result, const Words& words, const Words& parts) {
    const std::string called = testing::PrintToString(words);
    EXPECT_EQ(result.err_lines(), 1) << called << ": " << result.err;
    EXPECT_THAT(result.err, testing::StartsWith("dnabird " + words[0] + ": error: ")) << called;
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
    EXPECT_EQ(std::count_if(result.err.begin(), result.err.end(), is_control), 1) << called;
    for (const std::string& part : parts)
      EXPECT_THAT(result.err, testing::HasSubstr(part)) << called;
  }

  /// Refused: that line, that exit code, nothing on standard output, no file more or less.
  void expect_refused(const Words& words, int exit_code, const Words& parts,
                      const ProcessOptions& options = {}) const {
    const Words before = folder_.names();
    const ProcessResult result = run(words, options);
    EXPECT_EQ(result.exit_code, exit_code) << testing::PrintToString(words) << ": " << result.err;
    EXPECT_EQ(result.out, "") << testing::PrintToString(words);
    expect_one_line(result, words, parts);
    EXPECT_EQ(folder_.names(), before) << testing::PrintToString(words);
  }

  TempFolder folder_;

 private:
  static std::string random_bases(std::size_t n, core::Rng& rng) {
    std::string bases(n, 'A');
    for (char& base : bases) base = "ACGT"[rng.below(4)];
    return bases;
  }
  static std::string labelled(int rows, std::uint64_t seed) {
    core::Rng rng(seed);
    std::string text = "sequence,label\n";
    for (int i = 0; i < rows; ++i) text += random_bases(50, rng) + (i % 2 ? ",1\n" : ",0\n");
    return text;
  }
  static void write_genome(const std::string& path) {
    core::Rng rng(3);
    std::string text = ">z\n";
    for (int i = 0; i < 20; ++i) text += random_bases(50, rng) + "\n";
    write_text(path, text);
    write_text(path + ".fai", "z\t1000\t3\t50\t51\n");
  }
};

}  // namespace dnabird::support
