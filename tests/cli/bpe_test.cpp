// Models whose tokens are no k-mers, through every command that reads models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/text.h"
#include "support/bpe_files.h"
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

class Bpe : public support::ScoreCli {
 protected:
  Bpe() {
    support::TinyModel shape;
    shape.bpe = true;
    support::write_tiny_model(folder_ / "bpe", shape);
    shape.ours = false;
    shape.promoter_head = false;
    support::write_tiny_model(folder_ / "gena", shape);
  }

  static ProcessResult run(const Words& words) {
    ProcessResult result = run_dnabird(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  }

  void expect_refused(const Words& words, const Words& parts) const {
    const ProcessResult result = run_dnabird(words);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
  }

  std::string csv(int n_bases, const std::string& name = "some.csv") const {
    core::Rng rng(name.size());
    std::string text = "sequence,label\n";
    for (int i = 0; i < 8; ++i) {
      for (int b = 0; b < n_bases; ++b) text += "ACGT"[rng.below(4)];
      text += i % 2 ? ",1\n" : ",0\n";
    }
    write_text(folder_ / name, text);
    return folder_ / name;
  }
};

TEST_F(Bpe, TokenizeNeedsTheTokenizersFileAlone) {
  std::filesystem::create_directory(folder_ / "alone");
  write_text(folder_ / "alone/tokenizer.json", support::gena_tokenizer_text());
  std::string fasta, expected;
  const std::vector<std::string> cases =
      support::lines_of(read_text(test_data("parity/gena_tokenizer/cases.tsv")));
  for (const std::size_t i : {1u, 2u, 126u, 128u, 133u, 134u}) {
    const std::vector<std::string> fields = core::split(cases.at(i), '\t');
    const std::string name = "s" + std::to_string(i);
    fasta += ">" + name + "\n" + fields[0] + "\n";
    const std::size_t n = core::split(fields[1], ' ').size();
    expected += name + " " + std::to_string(n) + " " + fields[1] + "\n";
  }
  write_text(folder_ / "a.fa", fasta);
  EXPECT_EQ(run({"tokenize", "-m", folder_ / "alone", folder_ / "a.fa"}).out, expected);
  // Soft-masked bases are bases; what else stands for several is N.
  std::transform(fasta.begin(), fasta.end(), fasta.begin(), ::tolower);
  write_text(folder_ / "lower.fa", fasta);
  const ProcessResult lower = run({"tokenize", "-m", folder_ / "alone", folder_ / "lower.fa"});
  EXPECT_EQ(lower.out, expected);
  EXPECT_THAT(lower.err, HasSubstr(", of these 0 unknown"));
  write_text(folder_ / "iupac.fa", ">a\nCGRTT\n");
  write_text(folder_ / "n.fa", ">a\nCGNTT\n");
  EXPECT_EQ(run({"tokenize", "-m", folder_ / "alone", folder_ / "iupac.fa"}).out,
            run({"tokenize", "-m", folder_ / "alone", folder_ / "n.fa"}).out);
}

TEST_F(Bpe, AnUnsupportedTokenizerIsNamed) {
  nlohmann::json json = support::small_bpe_json();
  json["normalizer"]["normalizers"][0]["type"] = "NFKC";
  write_text(folder_ / "bpe/tokenizer.json", json.dump());
  const Words parts = {"bpe/tokenizer.json'", "normalizer.normalizers[0].type", "NFKC"};
  expect_refused({"tokenize", "-m", folder_ / "bpe", test_data("small.fa")}, parts);
  expect_refused({"info", folder_ / "bpe"}, parts);
  write_text(folder_ / "bpe/tokenizer.json", "{\n\"model\": ");
  expect_refused({"tokenize", "-m", folder_ / "bpe", test_data("small.fa")},
                 {"bpe/tokenizer.json' line 2", "JSON"});
  std::filesystem::remove(folder_ / "bpe/tokenizer.json");
  expect_refused({"tokenize", "-m", folder_ / "bpe", test_data("small.fa")},
                 {"lacks vocab.txt or tokenizer.json"});
}

TEST_F(Bpe, AVocabularyOfAnotherSizeIsRefused) {
  nlohmann::json json = support::small_bpe_json();
  json["model"]["vocab"]["GG"] = 20;
  write_text(folder_ / "gena/tokenizer.json", json.dump());
  expect_refused({"info", folder_ / "gena"},
                 {"gena/tokenizer.json'", "21 tokens", "vocab_size 20"});
}

TEST_F(Bpe, InfoSaysWhatTheTokensAre) {
  const nlohmann::json tokens =
      nlohmann::json::parse(run({"info", "--json", folder_ / "bpe"}).out).at("tokens");
  EXPECT_EQ(tokens, (nlohmann::json{{"kind", "BPE"}, {"longest", 4}, {"vocabulary", 20}}));
  EXPECT_THAT(run({"info", folder_ / "gena"}).out, HasSubstr("longest_input_bases: 318\n"));
  EXPECT_THAT(run({"info", model("tiny")}).out, HasSubstr("kind: k-mer\n"));
}

TEST_F(Bpe, ScoresAreTheSameForAnyThreadsAndBatches) {
  const std::string vcf = write_vcf(
      {"1000 T C", "1002 AA A", "2000 A T", "2001 T TACG", "3002 AG TC", "30000 N <DEL>"});
  for (const char* name : {"bpe", "gena"}) {
    const Words base = {"-m", folder_ / name, vcf};
    const VcfText one = scored(base);
    ASSERT_EQ(one.records.size(), 6u);
    const bool has_promoter = std::string(name) == "bpe";
    int scored_alleles = 0;
    for (std::size_t i = 0; i < one.records.size(); ++i) {
      const bool is_ok = one.info(i, "DNABIRD_STATUS").at(0) == "OK";
      scored_alleles += is_ok;
      EXPECT_EQ(one.info(i, "DNABIRD_LLR").at(0) == ".", !is_ok) << i;
      EXPECT_EQ(!one.info(i, "DNABIRD_PROM").empty(), has_promoter);
    }
    EXPECT_EQ(scored_alleles, 5) << one.text();
    Words words = base;
    words.insert(words.end(), {"--threads", "2", "--batch-size", "3"});
    EXPECT_EQ(scored(words).without_command().text(), one.without_command().text());
  }
}

TEST_F(Bpe, WithoutAPromoterHeadTheSummarySaysSo) {
  const ProcessResult result = score({"-m", folder_ / "gena", write_vcf({"1000 T C", "2000 A T"})});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find("DNABIRD_PROM"), std::string::npos);
  EXPECT_THAT(result.out, HasSubstr("##INFO=<ID=DNABIRD_LLR,"));
  EXPECT_THAT(result.err, HasSubstr("no DNABIRD_PROM: the model 'gena' has no promoter head"));
}

TEST_F(Bpe, AnnotateCallsPromoters) {
  const Words words = {"annotate", "-m", folder_ / "bpe", "--threshold",        "0.5", "--stride",
                       "100",      "-r", "z:1-6000",      test_data("small.fa")};
  const ProcessResult one = run(words);
  EXPECT_FALSE(support::rows_of(one.out).empty());
  Words two = words;
  two.insert(two.end(), {"--batch-size", "5", "--threads", "2"});
  EXPECT_EQ(support::without_command(run(two).out), support::without_command(one.out));
}

TEST_F(Bpe, EvaluateLabelsAndHiddenTokens) {
  const Words labels = {"evaluate", "-m", folder_ / "bpe", "--resamples", "10", "--data"};
  Words words = labels;
  words.push_back(csv(150));
  EXPECT_THAT(run(words).out, HasSubstr("AUROC"));
  words.insert(words.end(), {"--masked-lm"});
  const std::string out = run(words).out;
  EXPECT_THAT(out, HasSubstr("bits_per_base"));
  EXPECT_THAT(out, HasSubstr("hidden=0.15 of the tokens\n"));
  // The tokens decide what is too long, not the bases: 500 bases have more than 320 of these.
  words = labels;
  words.push_back(csv(500));
  expect_refused(words, {"some.csv' line 2", "tokens", "positions for 320"});
}

TEST_F(Bpe, FinetuneKeepsTheTokenizer) {
  run({"finetune", "-m", folder_ / "gena", "--task", "promoter", "--train", csv(60, "train.csv"),
       "--dev", csv(60, "dev.csv"), "--steps", "1", "-o", folder_ / "tuned"});
  EXPECT_EQ(read_text(folder_ / "tuned/tokenizer.json"),
            read_text(folder_ / "gena/tokenizer.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tuned/vocab.txt"));
  EXPECT_THAT(run({"info", folder_ / "tuned"}).out, HasSubstr("kind: BPE\n"));
}

}  // namespace
}  // namespace dnabird
