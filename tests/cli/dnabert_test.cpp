// Folders as DNABERT has them (BERT, k-mers of a vocab.txt), through every command that reads
// models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/json_file.h"
#include "support/score_cli.h"
#include "support/table.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::read_text;
using support::run_dnabird;
using support::test_data;
using support::VcfText;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

class DnaBert : public support::ScoreCli {
 protected:
  DnaBert() {
    copy("bert_k3", folder_ / "lm");
    copy("bert_k3_classifier", folder_ / "promoters");
    const std::string path = folder_ / "promoters/config.json";
    nlohmann::json config = io::read_json(path);
    config["id2label"] = {{"0", "other"}, {"1", "promoter"}};
    write_text(path, config.dump());
  }

  static void copy(const std::string& name, const std::string& to) {
    std::filesystem::create_directory(to);
    for (const std::string file : {"config.json", "model.safetensors"}) {
      std::filesystem::copy(test_data("parity/" + name + "/" + file), to + "/" + file);
    }
    std::filesystem::copy(test_data("parity/dnabert_k3_vocab.txt"), to + "/vocab.txt");
  }

  static ProcessResult run(const Words& words) {
    ProcessResult result = run_dnabird(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  }

  std::string csv() const {
    std::string text = "sequence,label\n";
    for (int i = 0; i < 8; ++i) {
      for (int b = 0; b < 40; ++b) text += "ACGT"[(i * b + b / 3) % 4];
      text += i % 2 ? ",1\n" : ",0\n";
    }
    write_text(folder_ / "some.csv", text);
    return folder_ / "some.csv";
  }
};

TEST_F(DnaBert, InfoNamesArchitectureHeadTokensAndBlocks) {
  const nlohmann::json lm = nlohmann::json::parse(run({"info", "--json", folder_ / "lm"}).out);
  EXPECT_EQ(lm["architecture"]["type"], "bert");
  EXPECT_EQ(lm["attention"]["mode"], "full");
  EXPECT_EQ(lm["tokens"]["k"], 3);
  EXPECT_EQ(lm["masked_token_head"], true);
  EXPECT_EQ(lm["task"], "none");
  EXPECT_EQ(lm["sha256"].get<std::string>().size(), 64u);
  const nlohmann::json head =
      nlohmann::json::parse(run({"info", "--json", folder_ / "promoters"}).out);
  EXPECT_EQ(head["masked_token_head"], false);
  EXPECT_EQ(head["targets"], (Words{"other", "promoter"}));
  EXPECT_THAT(run({"info", model("tiny")}).out, HasSubstr("  type: big_bird\n"));
}

TEST_F(DnaBert, TokenizeGivesTheIdsOfItsVocabulary) {
  // [CLS], then ATG, TGC and GCN of the order A T C G, [SEP]; a k-mer with N is [UNK].
  write_text(folder_ / "s.fa", ">s\nATGCN\n");
  EXPECT_EQ(run({"tokenize", "-m", folder_ / "lm", folder_ / "s.fa"}).out, "s 5 2 12 35 1 3\n");
}

TEST_F(DnaBert, ScoreHasWhatEachHeadAllows) {
  const std::string vcf = write_vcf({"1000 T C", "2000 A T"});
  const VcfText lm = scored({"-m", folder_ / "lm", vcf});
  EXPECT_NE(lm.info(0, "DNABIRD_LLR").at(0), ".");
  EXPECT_TRUE(lm.info(0, "DNABIRD_PROM").empty());
  const ProcessResult head = score({"-m", folder_ / "promoters", vcf});
  ASSERT_EQ(head.exit_code, 0) << head.err;
  EXPECT_THAT(head.err, HasSubstr("no DNABIRD_LLR"));
  EXPECT_NE(VcfText(head.out).info(1, "DNABIRD_PROM").at(0), ".");
  EXPECT_NE(VcfText(head.out).info(1, "DNABIRD_DIST").at(0), ".");
}

TEST_F(DnaBert, AnnotateAndEvaluate) {
  const Words annotate = {"annotate", "--threshold",         "0.01", "-r",
                          "z:1-3000", test_data("small.fa"), "-m"};
  Words words = annotate;
  words.push_back(folder_ / "promoters");
  EXPECT_FALSE(support::rows_of(run(words).out).empty());
  words.back() = folder_ / "lm";
  EXPECT_EQ(run_dnabird(words).exit_code, 1);
  EXPECT_THAT(
      run({"evaluate", "-m", folder_ / "promoters", "--resamples", "10", "--data", csv()}).out,
      HasSubstr("AUROC"));
  EXPECT_THAT(
      run({"evaluate", "-m", folder_ / "lm", "--masked-lm", "--resamples", "10", "--data", csv()})
          .out,
      HasSubstr("bits_per_base"));
}

}  // namespace
}  // namespace dnabird
