// dnabird evaluate --data: heads and baselines on labelled sequences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/rng.h"
#include "support/process.h"
#include "support/table.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::read_text;
using support::Rows;
using support::rows_of;
using support::TempFolder;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

std::string random_bases(core::Rng& rng, std::int64_t n, const std::string& letters = "ACGT") {
  std::string bases;
  while (static_cast<std::int64_t>(bases.size()) < n) bases += letters[rng.below(letters.size())];
  return bases;
}

/// Label 1 is rich in G and C.
std::string labelled_csv(int n, std::uint64_t seed, const std::string& one = "1") {
  core::Rng rng(seed);
  std::string text = "sequence,label\n";
  for (int i = 0; i < n; ++i) {
    const bool positive = i % 3 == 0;
    const auto length = static_cast<std::int64_t>(120 + rng.below(80));
    text += random_bases(rng, length, positive ? "ACGTGC" : "ACGTAT") + "," +
            (positive ? one : "0") + "\n";
  }
  return text;
}

/// The tiny model with another task.
void write_model_of_task(const std::string& path, const std::string& task) {
  io::ModelFolder model = support::TinyModelWriter({.head_scale = 2}).make();
  model.config["dnabird"]["task"] = task;
  model.config["dnabird"]["targets"] = {"liver", "blood"};
  model.config["dnabird"]["tss_offset"] = -1;
  io::write_model_folder(path, model);
}

class EvaluateSequences : public testing::Test {
 protected:
  EvaluateSequences() {
    support::write_tiny_model(folder_ / "tiny", {.head_bias = 1.5});  // calls of both kinds
    write_text(folder_ / "dev.csv", labelled_csv(90, 1));
  }

  ProcessResult run(Words words, const std::string& model = "tiny") const {
    words.insert(words.begin(), {"evaluate", "-m", folder_ / model, "-q"});
    return support::run_dnabird(words);
  }

  /// Values by "model group target metric".
  static std::map<std::string, double> values_of(const std::string& out) {
    std::map<std::string, double> values;
    for (const auto& row : rows_of(out)) {
      if (row[4] != "value") {
        values[row[0] + " " + row[1] + " " + row[2] + " " + row[3]] =
            core::parse_double(row[4]).value_or(NAN);
      }
    }
    return values;
  }

  TempFolder folder_;
};

TEST_F(EvaluateSequences, FiguresOfTheSmallModelAreTheStoredOnes) {
  write_text(folder_ / "train.csv", labelled_csv(60, 2));
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--baselines", "--train", folder_ / "train.csv",
           "--resamples", "50", "--precision", "f32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(support::matches_golden(result.out, "evaluate_data.tsv", 2e-3));
}

TEST_F(EvaluateSequences, SaysWhatMadeIt) {
  const std::string out =
      run({"--data", folder_ / "dev.csv", "--seed", "5", "--resamples", "0"}).out;
  EXPECT_THAT(out, testing::StartsWith("#dnabird=0."));
  EXPECT_THAT(out, HasSubstr("\n#command=dnabird evaluate -m "));
  EXPECT_THAT(out, HasSubstr("\n#seed=5 resamples=0\n"));
  EXPECT_THAT(out, testing::ContainsRegex("\n#model=tiny sha256=[0-9a-f]+ precision=b?f[0-9]+\n"));
  EXPECT_THAT(out, HasSubstr("dev.csv sequences=90\n"));
  EXPECT_THAT(out, HasSubstr("\nmodel\tgroup\ttarget\tmetric\tvalue\tci_low\tci_high\tn\n"));
}

/// Figures of two classes from the written outputs, by their textbook formulas.
TEST_F(EvaluateSequences, FiguresFollowFromThePredictions) {
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--predictions", folder_ / "p.tsv"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  ASSERT_EQ(rows.size(), 91u);
  EXPECT_EQ(rows[0], (Words{"file", "line", "label", "logit_other", "logit_promoter"}));
  double tp = 0, fp = 0, tn = 0, fn = 0, right_pairs = 0;
  std::vector<double> positives, negatives;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    EXPECT_EQ(rows[r][0], folder_ / "dev.csv");
    EXPECT_EQ(rows[r][1], std::to_string(r + 1));
    const bool label = (r - 1) % 3 == 0;
    EXPECT_EQ(rows[r][2], label ? "promoter" : "other");
    const double score = std::stod(rows[r][4]) - std::stod(rows[r][3]);
    (label ? score > 0 ? tp : fn : score > 0 ? fp : tn) += 1;
    (label ? positives : negatives).push_back(score);
  }
  ASSERT_GT(std::min({tp, fp, tn, fn}), 0);
  for (const double p : positives) {
    for (const double n : negatives) right_pairs += p > n ? 1 : p == n ? 0.5 : 0;
  }
  const auto values = values_of(result.out);
  const std::string at = "tiny all label ";
  EXPECT_NEAR(values.at(at + "MCC"),
              (tp * tn - fp * fn) / std::sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)), 1e-4);
  EXPECT_NEAR(values.at(at + "F1"), 2 * tp / (2 * tp + fp + fn), 1e-4);
  EXPECT_NEAR(values.at(at + "accuracy"), (tp + tn) / 90, 1e-4);
  EXPECT_NEAR(values.at(at + "AUROC"),
              right_pairs / static_cast<double>(positives.size() * negatives.size()), 1e-4);
  for (const auto& row : rows_of(result.out)) {
    if (row[0] == "model") continue;
    EXPECT_EQ(row[7], "90");
    EXPECT_LE(std::stod(row[5]), std::stod(row[4])) << row[3];
    EXPECT_GE(std::stod(row[6]), std::stod(row[4])) << row[3];
  }
}

TEST_F(EvaluateSequences, TheSameBytesHoweverItIsRun) {
  const auto data = folder_ / "dev.csv";
  const std::string expected = support::without_command(run({"--data", data}).out);
  for (const Words& words : {Words{"--batch-size", "1"}, Words{"--batch-size", "8"},
                             Words{"--threads", "1"}, Words{"--threads", "2"}}) {
    Words all = {"--data", data};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(support::without_command(run(all).out), expected);
  }
  ASSERT_EQ(run({"--data", data, "-o", folder_ / "out.tsv"}).exit_code, 0);
  EXPECT_EQ(support::without_command(read_text(folder_ / "out.tsv")), expected);
}

TEST_F(EvaluateSequences, BaselinesLearnFromTheTrainingSet) {
  write_text(folder_ / "train.csv", labelled_csv(120, 3));
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--baselines", "--train", folder_ / "train.csv"});
  const auto values = values_of(result.out);
  // Half of the letters more are G and C: content tells the classes apart.
  EXPECT_GT(values.at("GC all label MCC"), 0.8);
  EXPECT_GT(values.at("k-mer logistic all label MCC"), 0.6);
  EXPECT_EQ(rows_of(result.out).size(), 1 + 3 * 5u);
  EXPECT_THAT(result.out, HasSubstr("train.csv sequences_that_share_24_bases=0\n"));
}

TEST_F(EvaluateSequences, SequencesThatStandInTheTrainingSetAreReported) {
  const auto dev = support::lines_of(read_text(folder_ / "dev.csv"));
  std::string train = labelled_csv(40, 4);
  // 24 bases of one sequence inside another; all of a second one; 23 bases of a third.
  core::Rng rng(9);
  train += random_bases(rng, 50) + dev[1].substr(30, 24) + random_bases(rng, 50) + ",0\n";
  train += dev[2] + "\n" + random_bases(rng, 50) + dev[3].substr(0, 23) + ",1\n";
  write_text(folder_ / "train.csv", train);
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--train", folder_ / "train.csv", "--resamples", "0"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("train.csv sequences_that_share_24_bases=2\n"));
  EXPECT_EQ(result.err_lines(), 1);
  EXPECT_THAT(result.err, HasSubstr("warning: 2 of 90 sequences share 24 bases with --train"));
  // The other strand of a long sequence, across the border of the pieces in which it is read.
  const std::string found = random_bases(rng, 985) + dev[5].substr(10, 30) + random_bases(rng, 99);
  std::string other;
  for (const char c : found)
    other.insert(other.begin(), c == 'A' ? 'T' : c == 'T' ? 'A' : c == 'C' ? 'G' : 'C');
  for (const std::string& bases : {found, other}) {
    write_text(folder_ / "genome.fa", ">g\n" + bases + "\n");
    EXPECT_THAT(
        run({"--data", folder_ / "dev.csv", "--train", folder_ / "genome.fa", "--resamples", "0"})
            .out,
        HasSubstr("genome.fa sequences_that_share_24_bases=1\n"));
  }
}

TEST_F(EvaluateSequences, SeveralFilesAreOneSet) {
  write_text(folder_ / "more.csv", labelled_csv(10, 7));
  const ProcessResult result = run({"--data", folder_ / "dev.csv", "--data", folder_ / "more.csv",
                                    "--predictions", folder_ / "p.tsv", "--resamples", "0"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(rows_of(result.out)[1][7], "100");
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  ASSERT_EQ(rows.size(), 101u);
  EXPECT_EQ(rows[91][0], folder_ / "more.csv");
  EXPECT_EQ(rows[91][1], "2");
}

TEST_F(EvaluateSequences, RegressionLeavesOutWhatIsMissing) {
  write_model_of_task(folder_ / "values", "regression");
  core::Rng rng(5);
  std::string text = "blood,sequence,liver\n";
  for (int i = 0; i < 40; ++i) {
    text += (i % 4 == 0 ? "" : std::to_string(rng.normal())) + "," + random_bases(rng, 150) + "," +
            std::to_string(3 * rng.normal()) + "\n";
  }
  write_text(folder_ / "values.csv", text);
  const ProcessResult result =
      run({"--data", folder_ / "values.csv", "--predictions", folder_ / "p.tsv", "--baselines",
           "--train", folder_ / "values.csv"},
          "values");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  EXPECT_EQ(rows[0],
            (Words{"file", "line", "truth_liver", "truth_blood", "value_liver", "value_blood"}));
  EXPECT_EQ(rows[1][3], ".");
  double squares = 0;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    squares += std::pow(std::stod(rows[r][2]) - std::stod(rows[r][4]), 2);
  }
  const auto values = values_of(result.out);
  EXPECT_NEAR(values.at("values all liver MSE"), squares / 40, 1e-3 * squares / 40);
  EXPECT_NEAR(values.at("values all mean Pearson"),
              (values.at("values all liver Pearson") + values.at("values all blood Pearson")) / 2,
              1e-4);
  // Ridge regression fits the set that it learnt from; a straight line in GC cannot.
  EXPECT_GT(values.at("k-mer ridge all liver Pearson"), 0.5);
  EXPECT_LT(std::abs(values.at("GC all liver Pearson")), 0.5);
  for (const auto& row : rows_of(result.out)) {
    if (row[2] != "mean" && row[2] != "target") {
      EXPECT_EQ(row[7], row[2] == "blood" ? "30" : "40") << row[0] << " " << row[3];
    }
  }
}

TEST_F(EvaluateSequences, MultiLabelHasFiguresOfEachLabel) {
  write_model_of_task(folder_ / "labels", "multi_label");
  core::Rng rng(6);
  std::string text = "sequence,liver,blood\n";
  for (int i = 0; i < 30; ++i) {
    text += random_bases(rng, 150) + "," + std::to_string(i % 2) + "," +
            (i % 5 == 0 ? "NA" : std::to_string(i % 3 / 2)) + "\n";
  }
  write_text(folder_ / "labels.csv", text);
  const ProcessResult result = run({"--data", folder_ / "labels.csv"}, "labels");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto values = values_of(result.out);
  for (const char* metric : {"AUROC", "AUPRC", "MCC", "F1"}) {
    const std::string name = metric;
    EXPECT_NEAR(values.at("labels all mean " + name),
                (values.at("labels all liver " + name) + values.at("labels all blood " + name)) / 2,
                1e-4);
  }
}

struct Fault {
  const char* what;
  Words words;
  int exit_code;
  std::vector<std::string> parts;
};

TEST_F(EvaluateSequences, FaultsAreOneLineAndLeaveNothing) {
  support::write_tiny_model(folder_ / "headless", {.promoter_head = false});
  write_model_of_task(folder_ / "values", "regression");
  write_text(folder_ / "empty.csv", "");
  write_text(folder_ / "header.csv", "sequence,label\n");
  write_text(folder_ / "columns.csv", "bases,label\nACGT,1\n");
  write_text(folder_ / "class.csv", "sequence,label\nACGTACGT,1\nACGTACGT,2\n");
  write_text(folder_ / "word.csv", "sequence,liver,blood\nACGTACGT,1,2\nACGTACGT,high,2\n");
  write_text(folder_ / "short.csv", "sequence,label\nAC,1\n");
  write_text(folder_ / "long.csv", "sequence,label\n" + std::string(321, 'A') + ",1\n");
  const std::string data = folder_ / "dev.csv";
  const auto file = [&](const std::string& name) { return Words{"--data", folder_ / name}; };
  const Fault faults[] = {
      {"missing", file("no.csv"), 1, {"no.csv", "No such file"}},
      {"empty", file("empty.csv"), 1, {"empty.csv", "empty"}},
      {"no rows", file("header.csv"), 1, {"header.csv", "no row"}},
      {"no column", file("columns.csv"), 1, {"columns.csv", "sequence", "bases, label"}},
      {"not a class", file("class.csv"), 1, {"class.csv' line 3", "'2'", "other, promoter"}},
      {"too short", file("short.csv"), 1, {"short.csv' line 2", "2 bases"}},
      {"too long", file("long.csv"), 1, {"long.csv' line 2", "321 bases", "at most 320"}},
      {"no training set", {"--data", data, "--baselines"}, 2, {"--baselines needs --train"}},
      {"missing training set", {"--data", data, "--train", folder_ / "no.csv"}, 1, {"no.csv"}},
      {"two kinds", {"--data", data, "--variants", "x.vcf"}, 2, {"--data, --variants"}},
      {"no kind", {}, 2, {"--data, --variants"}},
      {"resamples", {"--data", data, "--resamples", "-1"}, 2, {"--resamples"}},
      {"predictions", {"--data", data, "--predictions", folder_ / "no/p.tsv"}, 1, {"no/p.tsv"}},
  };
  const std::vector<std::string> before = folder_.names();
  const auto check = [&](const Fault& fault, const ProcessResult& result) {
    EXPECT_EQ(result.exit_code, fault.exit_code) << fault.what << ": " << result.err;
    EXPECT_EQ(result.out, "") << fault.what;
    EXPECT_EQ(result.err_lines(), 1) << fault.what << ": " << result.err;
    for (const std::string& part : fault.parts) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(folder_.names(), before) << fault.what;
  };
  for (Fault fault : faults) {
    fault.words.insert(fault.words.end(), {"-o", folder_ / "out.tsv"});
    check(fault, run(fault.words));
  }
  check({"no head", {}, 1, {folder_ / "headless", "no head", "--masked-lm"}},
        run({"--data", data}, "headless"));
  check({"not a number", {}, 1, {"word.csv' line 3", "'high'", "'liver'", "not a number"}},
        run(file("word.csv"), "values"));
  check({"no such model", {}, 2, {"no-model"}}, run({"--data", data}, "no-model"));
}

}  // namespace
}  // namespace dnabird
