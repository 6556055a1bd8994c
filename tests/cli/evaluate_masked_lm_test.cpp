// dnabird evaluate --masked-lm: bits per base of hidden tokens beside a Markov model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/rng.h"
#include "support/process.h"
#include "support/table.h"
#include "support/temp_folder.h"
#include "support/test_data.h"
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

std::string random_bases(core::Rng& rng, std::int64_t n) {
  std::string bases;
  while (static_cast<std::int64_t>(bases.size()) < n) bases += "ACGT"[rng.below(4)];
  return bases;
}

class EvaluateMaskedLm : public testing::Test {
 protected:
  EvaluateMaskedLm() {
    support::write_tiny_model(folder_ / "tiny");
    core::Rng rng(1);
    std::string csv = "sequence\n", fasta;
    for (int i = 0; i < 30; ++i) {
      const std::string bases = random_bases(rng, 100 + static_cast<std::int64_t>(rng.below(100)));
      csv += bases + "\n";
      fasta += ">line_" + std::to_string(i + 2) + "\n" + bases + "\n";
    }
    write_text(folder_ / "dev.csv", csv);
    write_text(folder_ / "dev.fa", fasta);
  }

  ProcessResult run(Words words, const std::string& model = "tiny") const {
    words.insert(words.begin(), {"evaluate", "-m", folder_ / model, "--masked-lm", "-q"});
    return support::run_dnabird(words);
  }

  TempFolder folder_;
};

TEST_F(EvaluateMaskedLm, FiguresOfTheSmallModelAreTheStoredOnes) {
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--train", support::test_data_folder() + "/small.fa",
           "--resamples", "50"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(support::matches_golden(result.out, "evaluate_masked_lm.tsv", 1e-3));
}

TEST_F(EvaluateMaskedLm, TheFigureIsTheSumOfBitsOverTheHiddenBases) {
  const ProcessResult result =
      run({"--data", folder_ / "dev.csv", "--predictions", folder_ / "p.tsv"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  ASSERT_EQ(rows.size(), 31u);
  EXPECT_EQ(rows[0], (Words{"sequence", "begin", "end", "hidden_bases", "bits"}));
  EXPECT_EQ(rows[1][0], "line_2");
  double bits = 0, bases = 0;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    bases += std::stod(rows[r][3]);
    bits += std::stod(rows[r][4]);
  }
  const Rows table = rows_of(result.out);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[1][2], "hidden_bases");
  EXPECT_NEAR(std::stod(table[1][4]), bits / bases, 1e-3);
  EXPECT_LT(std::stod(table[1][5]), std::stod(table[1][4]));
  EXPECT_GT(std::stod(table[1][6]), std::stod(table[1][4]));
  EXPECT_EQ(table[1][7], "30");
}

/// Every token of a model that knows nothing costs log2 of the vocabulary.
TEST_F(EvaluateMaskedLm, AUniformModelPaysForEachHiddenTokenAlone) {
  io::ModelFolder model = support::TinyModelWriter({}).make();
  for (const std::string name :
       {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias"}) {
    io::HostTensor& tensor = model.weights.tensors.at(name);
    const std::vector<float> zeros(tensor.floats().size(), 0.0f);
    tensor = io::HostTensor::from_floats(tensor.shape, zeros);
  }
  io::write_model_folder(folder_ / "uniform", model);
  ASSERT_EQ(
      run({"--data", folder_ / "dev.csv", "--predictions", folder_ / "p.tsv"}, "uniform").exit_code,
      0);
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const double tokens = std::stod(rows[r][4]) / std::log2(69.0);
    EXPECT_NEAR(tokens, std::round(tokens), 0.01) << r;
    // A hidden base lies in up to three tokens; a span hides two bases less than it has tokens.
    EXPECT_GE(std::stod(rows[r][3]), tokens) << r;
    EXPECT_LE(std::stod(rows[r][3]), 3 * tokens) << r;
    const double length = std::stod(rows[r][2]);
    EXPECT_GT(tokens, 0.03 * length) << r;
    EXPECT_LT(tokens, 0.3 * length) << r;
  }
}

/// An order-5 Markov model of both strands with one pseudocount for each base, counted anew.
double markov_bits_per_base(const std::vector<std::string>& train,
                            const std::vector<std::string>& dev) {
  std::map<std::string, std::array<double, 4>> counts;  // by context of 0 to 5 bases
  const std::string letters = "ACGT";
  const auto context_of = [](const std::string& bases, std::size_t i, std::size_t order) {
    return bases.substr(i - order, order);
  };
  for (const std::string& forward : train) {
    std::string reverse;
    for (const char c : forward) reverse.insert(reverse.begin(), letters[3 - letters.find(c)]);
    for (const std::string& bases : {forward, reverse}) {
      for (std::size_t i = 0; i < bases.size(); ++i) {
        for (std::size_t order = 0; order <= std::min<std::size_t>(5, i); ++order) {
          counts[context_of(bases, i, order)][letters.find(bases[i])] += 1;
        }
      }
    }
  }
  double bits = 0, n = 0;
  for (const std::string& bases : dev) {
    for (std::size_t i = 0; i < bases.size(); ++i, ++n) {
      const auto& four = counts[context_of(bases, i, std::min<std::size_t>(5, i))];
      bits -= std::log2((four[letters.find(bases[i])] + 1) /
                        (four[0] + four[1] + four[2] + four[3] + 4));
    }
  }
  return bits / n;
}

TEST_F(EvaluateMaskedLm, TheMarkovModelIsOneOfOrderFiveOnBothStrands) {
  core::Rng rng(2);
  std::vector<std::string> train = {random_bases(rng, 3000)}, dev;
  for (int i = 0; i < 900; ++i) train[0] += "TTAGGG";
  for (int i = 0; i < 10; ++i) dev.push_back(random_bases(rng, 40) + "CCCTAACCCTAACCCTAA");
  std::string csv = "sequence\n";
  for (const std::string& bases : dev) csv += bases + "\n";
  write_text(folder_ / "train.fa", ">t\n" + train[0] + "\n");
  write_text(folder_ / "some.csv", csv);
  const ProcessResult result =
      run({"--data", folder_ / "some.csv", "--train", folder_ / "train.fa"});
  const Rows rows = rows_of(result.out);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2][0], "Markov order 5");
  EXPECT_EQ(rows[2][2], "all_bases");
  EXPECT_EQ(rows[2][3], "bits_per_base");
  EXPECT_NEAR(std::stod(rows[2][4]), markov_bits_per_base(train, dev), 1e-4);
  EXPECT_LT(std::stod(rows[2][4]), 1.95);
}

TEST_F(EvaluateMaskedLm, FastaAndCsvAndEveryBatchSizeAreOne) {
  const std::string expected = support::without_command(run({"--data", folder_ / "dev.csv"}).out);
  const auto values = [](const std::string& out) { return rows_of(out)[1]; };
  EXPECT_EQ(values(run({"--data", folder_ / "dev.fa"}).out), values(expected));
  for (const char* n : {"1", "8"}) {
    EXPECT_EQ(support::without_command(
                  run({"--data", folder_ / "dev.csv", "--batch-size", n, "--threads", n}).out),
              expected);
  }
  // What is hidden does not hang on the seed; the intervals do.
  const Rows other = rows_of(run({"--data", folder_ / "dev.csv", "--seed", "9"}).out);
  EXPECT_EQ(other[1][4], values(expected)[4]);
  EXPECT_NE(other[1][5], values(expected)[5]);
}

TEST_F(EvaluateMaskedLm, LongSequencesAreCutIntoWindows) {
  core::Rng rng(3);
  write_text(folder_ / "long.fa",
             ">a\n" + random_bases(rng, 510) + "\n>b\n" + random_bases(rng, 200) + "\n");
  const ProcessResult result =
      run({"--data", folder_ / "long.fa", "--predictions", folder_ / "p.tsv"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> places;
  for (const auto& row : rows_of(read_text(folder_ / "p.tsv"))) {
    places.push_back(row[0] + " " + row[1] + " " + row[2]);
  }
  // Windows of 200; 10 bases are too few for one.
  EXPECT_EQ(places, (Words{"sequence begin end", "a 0 200", "a 200 400", "a 400 510", "b 0 200"}));
}

TEST_F(EvaluateMaskedLm, FaultsAreOneLine) {
  io::ModelFolder model = support::TinyModelWriter({}).make();
  model.config["dnabird"]["masked_lm"] = false;
  for (auto at = model.weights.tensors.begin(); at != model.weights.tensors.end();) {
    at = at->first.starts_with("cls.") ? model.weights.tensors.erase(at) : std::next(at);
  }
  io::write_model_folder(folder_ / "headless", model);
  write_text(folder_ / "n.fa", ">n\n" + std::string(300, 'N') + "\n");
  write_text(folder_ / "columns.csv", "bases,label\nACGT,1\n");
  write_text(folder_ / "empty.fa", "");
  const auto check = [&](const ProcessResult& result, int exit_code, const std::string& part) {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
  };
  check(run({"--data", folder_ / "dev.csv"}, "headless"), 1, "no masked-token head");
  check(run({"--data", folder_ / "n.fa"}), 1, "no sequence is long enough");
  check(run({"--data", folder_ / "columns.csv"}), 1, "columns.csv");
  check(run({"--data", folder_ / "empty.fa"}), 1, "empty.fa");
  check(run({"--data", folder_ / "dev.csv", "--train", folder_ / "no.fa"}), 1, "no.fa");
  check(run({"--data", folder_ / "dev.csv", "--baselines", "--train", folder_ / "dev.csv"}), 2,
        "--baselines");
}

}  // namespace
}  // namespace dnabird
