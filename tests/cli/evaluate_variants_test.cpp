// dnabird evaluate --variants and --annotation: scores and calls against measured truths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "io/line_reader.h"
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

const std::string kData = support::test_data_folder();

class EvaluateVariants : public testing::Test {
 protected:
  EvaluateVariants() { support::write_tiny_model(folder_ / "tiny"); }

  ProcessResult run(Words words) const {
    words.insert(words.begin(), {"evaluate", "-m", folder_ / "tiny"});
    return support::run_dnabird(words);
  }

  /// The value in the row that begins with these words.
  static double value(const std::string& out, const std::string& group, const std::string& target,
                      const std::string& metric) {
    for (const auto& row : rows_of(out)) {
      if (row[1] == group && row[2] == target && row[3] == metric)
        return core::parse_double(row[4]).value_or(NAN);
    }
    ADD_FAILURE() << "no " << group << " " << target << " " << metric << " in\n" << out;
    return NAN;
  }

  void write_scored_vcf() const {
    write_text(folder_ / "scored.vcf",
               "##fileformat=VCFv4.2\n"
               "##INFO=<ID=EFFECT,Number=1,Type=Float,Description=\"measured\">\n"
               "##INFO=<ID=READS,Number=1,Type=Integer,Description=\"reads\">\n"
               "##INFO=<ID=DNABIRD_LLR,Number=A,Type=Float,Description=\"score\">\n"
               "##contig=<ID=a>\n##contig=<ID=b>\n"
               "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
               "a\t1\t.\tA\tC\t.\t.\tEFFECT=1;READS=10;DNABIRD_LLR=10\n"
               "a\t2\t.\tA\tC\t.\t.\tEFFECT=-2;READS=20;DNABIRD_LLR=20\n"
               "a\t3\t.\tA\tC\t.\t.\tEFFECT=3;READS=30;DNABIRD_LLR=40\n"
               "b\t4\t.\tA\tC\t.\t.\tEFFECT=4;READS=40;DNABIRD_LLR=-30\n"
               "b\t5\t.\tA\tC\t.\t.\tEFFECT=9;READS=9;DNABIRD_LLR=50\n"
               "b\t6\t.\tA\tC\t.\t.\tREADS=50;DNABIRD_LLR=60\n"
               "b\t7\t.\tA\tC,G\t.\t.\tEFFECT=1;READS=50;DNABIRD_LLR=1,2\n"
               "b\t8\t.\tA\tC\t.\t.\tEFFECT=1;READS=50;DNABIRD_LLR=.\n");
  }

  TempFolder folder_;
};

TEST_F(EvaluateVariants, FiguresOfScoredAllelesByHand) {
  write_scored_vcf();
  const ProcessResult result =
      run({"--variants", folder_ / "scored.vcf", "--truth", "INFO/EFFECT", "--min", "INFO/READS:10",
           "--scored", "--positive-threshold", "1.5", "--predictions", folder_ / "p.tsv"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // Truths 1 -2 3 4 and scores 10 20 40 -30: ranks 2 1 3 4 and 2 3 4 1.
  EXPECT_NEAR(value(result.out, "all", "LLR", "Spearman"), 1 - 6 * (0 + 4 + 1 + 9) / 60.0, 1e-4);
  // |truth| 1 2 3 4, |score| 10 20 40 30.
  EXPECT_NEAR(value(result.out, "all", "|LLR|", "Spearman"), 1 - 6 * 2 / 60.0, 1e-4);
  // Around their means 1.5 and 10: -0.5 -3.5 1.5 2.5 and 0 10 30 -40.
  EXPECT_NEAR(value(result.out, "all", "LLR", "Pearson"), -90 / std::sqrt(21 * 2600.0), 1e-4);
  EXPECT_NEAR(value(result.out, "all", "|LLR|", "AUROC"), 1, 1e-9);
  EXPECT_TRUE(std::isnan(value(result.out, "b", "LLR", "Spearman"))) << "one allele";
  const std::string counts =
      "records=8 used=4 below_min=1 without_truth=1 several_alts=1 unscored=1";
  EXPECT_THAT(result.out, HasSubstr(counts));
  EXPECT_THAT(result.err, HasSubstr(counts));
  const Rows rows = rows_of(read_text(folder_ / "p.tsv"));
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[2], (Words{"a", "2", "A", "C", "-2", "20", ".", "."}));
}

TEST_F(EvaluateVariants, SmallGenomeGivesTheStoredFigures) {
  const ProcessResult result = run({"--variants", kData + "/small.vcf.gz", "--truth", "INFO/AF",
                                    "-f", kData + "/small.fa.gz", "--positive-threshold", "0.01",
                                    "--resamples", "20", "--precision", "f32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(support::matches_golden(result.out, "evaluate_variants.tsv", 5e-3));
  EXPECT_THAT(result.out, HasSubstr("\n#model=tiny sha256="));
  EXPECT_THAT(result.out, HasSubstr("\n#reference=" + kData + "/small.fa.gz\n"));
}

TEST_F(EvaluateVariants, TheSameForEveryFormatAndBatchAndAsScoreWroteIt) {
  const Words rest = {"--truth", "INFO/AF", "--resamples", "0", "-q"};
  const auto figures = [&](Words words) {
    words.insert(words.end(), rest.begin(), rest.end());
    const ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return rows_of(result.out);
  };
  const std::string fasta = kData + "/small.fa";
  const Rows expected = figures({"--variants", kData + "/small.bcf", "-f", fasta});
  ASSERT_GT(expected.size(), 3u);
  EXPECT_EQ(figures({"--variants", kData + "/small.vcf", "-f", fasta, "--threads", "1"}), expected);
  EXPECT_EQ(figures({"--variants", kData + "/small.vcf.gz", "-f", fasta, "--batch-size", "1"}),
            expected);
  // A BCF holds the scores as they are, a VCF six digits of them.
  ASSERT_EQ(support::run_dnabird({"score", "-m", folder_ / "tiny", "-f", fasta,
                                  kData + "/small.bcf", "-o", folder_ / "out.bcf"})
                .exit_code,
            0);
  Rows scored = figures({"--variants", folder_ / "out.bcf", "--scored"});
  for (std::size_t r = 1; r < scored.size(); ++r) scored[r][0] = "tiny";
  EXPECT_EQ(scored, expected);
}

struct Fault {
  const char* what;
  Words words;
  int exit_code;
  std::vector<std::string> parts;
};

TEST_F(EvaluateVariants, FaultsAreOneLine) {
  write_scored_vcf();
  write_text(folder_ / "header.vcf",
             "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
  write_text(folder_ / "other.fa", ">q\nACGTACGTACGT\n");
  const std::string vcf = folder_ / "scored.vcf", fasta = kData + "/small.fa";
  const Fault faults[] = {
      {"no truth", {"--variants", vcf, "--scored"}, 2, {"--truth INFO/TAG"}},
      {"not INFO",
       {"--variants", vcf, "--scored", "--truth", "EFFECT"},
       2,
       {"'EFFECT'", "INFO/TAG"}},
      {"no such tag", {"--variants", vcf, "--scored", "--truth", "INFO/X"}, 1, {vcf, "INFO/X"}},
      {"not a minimum",
       {"--variants", vcf, "--scored", "--truth", "INFO/EFFECT", "--min", "INFO/READS"},
       2,
       {"--min", "INFO/TAG:NUMBER"}},
      {"neither", {"--variants", vcf, "--truth", "INFO/EFFECT"}, 2, {"-f", "--scored"}},
      {"both", {"--variants", vcf, "--truth", "INFO/EFFECT", "-f", fasta, "--scored"}, 2, {"-f"}},
      {"never scored",
       {"--variants", kData + "/small.vcf", "--truth", "INFO/AF", "--scored"},
       1,
       {"small.vcf", "dnabird score"}},
      {"no records",
       {"--variants", folder_ / "header.vcf", "--truth", "INFO/AF", "--scored"},
       1,
       {"header.vcf"}},
      {"missing",
       {"--variants", folder_ / "no.vcf", "--truth", "INFO/AF", "-f", fasta},
       1,
       {"no.vcf"}},
      {"no reference",
       {"--variants", vcf, "--truth", "INFO/EFFECT", "-f", folder_ / "no.fa"},
       1,
       {"no.fa"}},
  };
  for (const Fault& fault : faults) {
    const ProcessResult result = run(fault.words);
    EXPECT_EQ(result.exit_code, fault.exit_code) << fault.what << ": " << result.err;
    EXPECT_EQ(result.out, "") << fault.what;
    EXPECT_EQ(result.err_lines(), 1) << fault.what << ": " << result.err;
    for (const std::string& part : fault.parts) EXPECT_THAT(result.err, HasSubstr(part));
  }
  // Another genome: nothing can be scored, and every reason is named.
  const ProcessResult result =
      run({"--variants", vcf, "--truth", "INFO/EFFECT", "-f", folder_ / "other.fa", "-q"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("warning: 6 alleles have no scores: NO_CONTIG"));
  EXPECT_THAT(result.err, HasSubstr("no allele has a score"));
}

TEST_F(EvaluateVariants, CallsAgainstStartSitesByHand) {
  write_text(folder_ / "calls.bed",
             "#dnabird=0.1.0\n"
             "a\t0\t300\tp1\t990\t+\t0.99\t249\n"       // 251 from the site
             "a\t1000\t1300\tp2\t600\t+\t0.6\t1249\n"   // 749 from it
             "a\t400\t700\tp3\t950\t-\t0.95\t450\n"     // the wrong strand
             "b\t400\t700\tp4\t550\t-\t0.55\t1100\n");  // 500 from the other site
  write_text(folder_ / "sites.bed", "a\t500\t501\ts1\t0\t+\nb\t600\t601\ts2\t0\t-\n");
  const ProcessResult result = run({"--annotation", folder_ / "calls.bed", "--truth-bed",
                                    folder_ / "sites.bed", "--thresholds", "0.5,0.9"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NEAR(value(result.out, "probability>=0.5", "start_site", "precision"), 0.5, 1e-4);
  EXPECT_NEAR(value(result.out, "probability>=0.5", "start_site", "recall"), 1, 1e-4);
  EXPECT_NEAR(value(result.out, "probability>=0.9", "start_site", "precision"), 0.5, 1e-4);
  EXPECT_NEAR(value(result.out, "probability>=0.9", "start_site", "recall"), 0.5, 1e-4);
  EXPECT_NEAR(value(result.out, "probability>=0.9", "start_site", "F1"), 0.5, 1e-4);
}

TEST_F(EvaluateVariants, WhatAnnotateWritesCanBeEvaluated) {
  ASSERT_EQ(support::run_dnabird({"annotate", "-m", folder_ / "tiny", "--threshold", "0.6",
                                  kData + "/small.fa.gz", "-o", folder_ / "calls.bed.gz"})
                .exit_code,
            0);
  std::string sites;
  io::LineReader reader(folder_ / "calls.bed.gz");
  for (std::string line; reader.next(line);) {
    const auto fields = core::split(line, '\t');
    if (line[0] == '#') continue;
    sites += fields[0] + "\t" + fields[7] + "\t" + std::to_string(std::stoll(fields[7]) + 1) +
             "\ts\t0\t" + fields[5] + "\n";
  }
  write_text(folder_ / "sites.bed", sites);
  const ProcessResult result = run({"--annotation", folder_ / "calls.bed.gz", "--truth-bed",
                                    folder_ / "sites.bed", "--thresholds", "0"});
  EXPECT_NEAR(value(result.out, "probability>=0", "start_site", "precision"), 1, 1e-9);
  EXPECT_NEAR(value(result.out, "probability>=0", "start_site", "recall"), 1, 1e-9);
}

TEST_F(EvaluateVariants, FaultsOfCallsAreOneLine) {
  write_text(folder_ / "six.bed", "a\t0\t300\tp1\t990\t+\n");
  write_text(folder_ / "word.bed", "a\t0\t300\tp1\t990\t+\thigh\t249\n");
  write_text(folder_ / "calls.bed", "a\t0\t300\tp1\t990\t+\t0.99\t249\n");
  write_text(folder_ / "plain.bed", "a\t0\t300\n");
  const std::string calls = folder_ / "calls.bed";
  const Fault faults[] = {
      {"no sites", {"--annotation", calls}, 2, {"--truth-bed"}},
      {"not ours",
       {"--annotation", folder_ / "six.bed", "--truth-bed", calls},
       1,
       {"six.bed", "6 columns"}},
      {"not a number",
       {"--annotation", folder_ / "word.bed", "--truth-bed", calls},
       1,
       {"word.bed", "line 1"}},
      {"no strand",
       {"--annotation", calls, "--truth-bed", folder_ / "plain.bed"},
       1,
       {"plain.bed", "strand"}},
      {"threshold",
       {"--annotation", calls, "--truth-bed", calls, "--thresholds", "0.5,2"},
       2,
       {"'2'"}},
  };
  for (const Fault& fault : faults) {
    const ProcessResult result = run(fault.words);
    EXPECT_EQ(result.exit_code, fault.exit_code) << fault.what << ": " << result.err;
    EXPECT_EQ(result.err_lines(), 1) << fault.what << ": " << result.err;
    for (const std::string& part : fault.parts) EXPECT_THAT(result.err, HasSubstr(part));
  }
}

}  // namespace
}  // namespace dnabird
