// dnabird annotate, as a user runs it.
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
using support::without_command;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

const std::string kData = support::test_data_folder();

class Annotate : public testing::Test {
 protected:
  Annotate() {
    support::write_tiny_model(folder_ / "tiny");
    write_text(genome_, ">z\n" + bases_of_small().substr(0, 8000) + "\n");
  }

  /// With the tiny model; its probabilities of random windows lie around 0.3.
  ProcessResult run(Words words, const support::ProcessOptions& options = {}) const {
    words.insert(words.begin(), {"annotate", "-m", folder_ / "tiny", "--threshold", "0.6"});
    return support::run_dnabird(words, options);
  }

  std::string bases_of_small() const {
    std::string bases;
    for (const std::string& line : support::lines_of(read_text(kData + "/small.fa"))) {
      if (line[0] != '>') bases += line;
    }
    return bases;
  }

  TempFolder folder_;
  const std::string genome_ = folder_ / "genome.fa";  // the first 8,000 bases of small.fa
};

TEST_F(Annotate, SmallGenomeGivesTheStoredPeaks) {
  const ProcessResult result = run({kData + "/small.fa.gz", "--precision", "f32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(support::matches_golden(result.out, "annotate_small.bed", 1e-4));
  EXPECT_THAT(result.err, HasSubstr("1 contigs, 50,000 bases, 3,114 windows: 3,114 scored on both "
                                    "strands, 0 skipped for N; " +
                                    std::to_string(rows_of(result.out).size()) + " promoters"));
  EXPECT_EQ(result.err_lines(), 1);
}

TEST_F(Annotate, SaysWhatMadeIt) {
  const std::string out = run({kData + "/small.fa.gz", "--stride", "100", "-q"}).out;
  EXPECT_THAT(out, testing::StartsWith("#dnabird=0."));
  EXPECT_THAT(
      out, testing::ContainsRegex("\n#model=tiny sha256=[0-9a-f]+ precision=b?f[0-9]+\n#seed=1\n"));
  EXPECT_THAT(out, HasSubstr("\n#window=200 tss_offset=166 stride=100 threshold=0.6\n"));
  EXPECT_THAT(out, HasSubstr("small.fa.gz --stride 100 -q\n"));
}

TEST_F(Annotate, LinesAreSortedAndSound) {
  const Rows rows = rows_of(run({genome_}).out);
  ASSERT_GT(rows.size(), 3u);
  std::int64_t n = 0, before = -1;
  for (const std::vector<std::string>& row : rows) {
    ASSERT_EQ(row.size(), 8u);
    EXPECT_EQ(row[0], "z");
    const std::int64_t begin = std::stoll(row[1]), end = std::stoll(row[2]);
    EXPECT_GE(begin, before);
    before = begin;
    EXPECT_GE(end - begin, 200);
    EXPECT_LE(end, 8000);
    EXPECT_EQ(row[3], "promoter_" + std::to_string(++n));
    const double probability = std::stod(row[6]);
    EXPECT_GE(probability, 0.6);
    EXPECT_NEAR(std::stod(row[4]), 1000 * probability, 0.51);
    const std::int64_t site = std::stoll(row[7]);
    // Base 166 of a window of 200, mirrored on the other strand.
    EXPECT_GE(site, begin + (row[5] == "+" ? 166 : 33));
    EXPECT_LE(site, end - (row[5] == "+" ? 34 : 167));
  }
}

TEST_F(Annotate, TheSameBytesHoweverItIsRun) {
  const std::string expected = without_command(run({genome_}).out);
  EXPECT_GT(rows_of(expected).size(), 3u);
  for (const Words& words :
       {Words{"--threads", "1"}, Words{"--threads", "2"}, Words{"--batch-size", "1"},
        Words{"--batch-size", "8"}, Words{"--batch-size", "100"}}) {
    Words all = words;
    all.push_back(genome_);
    EXPECT_EQ(without_command(run(all).out), expected) << core::join(words, " ");
  }
  EXPECT_EQ(without_command(run({"-"}, {.stdin_path = genome_}).out), expected);
  const ProcessResult to_file = run({genome_, "-o", folder_ / "out.bed"});
  EXPECT_EQ(to_file.out, "");
  EXPECT_EQ(without_command(read_text(folder_ / "out.bed")), expected);
}

TEST_F(Annotate, OutputIsBgzippedByItsName) {
  const std::string expected = without_command(run({genome_}).out);
  ASSERT_EQ(run({genome_, "-o", folder_ / "out.bed.gz"}).exit_code, 0);
  EXPECT_EQ(read_text(folder_ / "out.bed.gz").substr(0, 2), "\x1f\x8b");
  std::string text;
  io::LineReader reader(folder_ / "out.bed.gz");
  for (std::string line; reader.next(line);) text += line + "\n";
  EXPECT_EQ(without_command(text), expected);
}

TEST_F(Annotate, ALowerThresholdKeepsThePeaksOfAHigherOne) {
  const Rows few = rows_of(run({genome_}).out);
  Rows many = rows_of(
      support::run_dnabird({"annotate", "-m", folder_ / "tiny", "--threshold", "0.3", genome_})
          .out);
  std::vector<std::string> expected, kept;
  for (const auto& row : few) expected.push_back(row[7] + row[5] + row[6]);
  for (const auto& row : many) {
    if (std::stod(row[6]) >= 0.6) kept.push_back(row[7] + row[5] + row[6]);
  }
  EXPECT_GT(many.size(), few.size());
  EXPECT_THAT(kept, testing::UnorderedElementsAreArray(expected));
}

TEST_F(Annotate, AWholeContigAsARegionIsTheWholeContig) {
  const std::string expected = without_command(run({genome_}).out);
  for (const char* region : {"z", "z:1-8,000", "z:1-5000,z:4000-60000"}) {
    const ProcessResult result = run({"-r", region, genome_});
    EXPECT_EQ(without_command(result.out), expected) << region;
    EXPECT_THAT(result.err, HasSubstr("8,000 bases, 489 windows"));
  }
}

TEST_F(Annotate, RegionsAndTheirFileReadTheWindowsThatTouchThem) {
  write_text(folder_ / "regions.bed", "z\t20000\t24000\nz\t40000\t40001\n");
  const ProcessResult by_option =
      run({"-r", "z:20001-24000,z:40001-40001", kData + "/small.fa.gz"});
  const ProcessResult by_file = run({"-R", folder_ / "regions.bed", kData + "/small.fa"});
  EXPECT_EQ(without_command(by_option.out), without_command(by_file.out));
  // 4,000 bases and 199 more touch windows that begin every 16 bases; a single base 12 or 13.
  EXPECT_THAT(by_file.err, HasSubstr("1 contigs, 4,001 bases, 275 windows"));
  const Rows rows = rows_of(by_file.out);
  EXPECT_GE(rows.size(), 2u);
  for (const auto& row : rows) EXPECT_GT(std::stoll(row[2]), 20000);
  for (const auto& row : rows) EXPECT_LT(std::stoll(row[1]), 40001);
}

TEST_F(Annotate, ContigsKeepTheirOrderShortAndUnknownOnesAreCounted) {
  const std::string bases = bases_of_small();
  write_text(folder_ / "several.fa", ">second some words\n" + bases.substr(0, 3000) + "\n>first\n" +
                                         bases.substr(3000, 3000) + "\n>short\n" +
                                         bases.substr(0, 50) + "\n>unknown\n" +
                                         std::string(1000, 'N') + "\n");
  const ProcessResult result = run({folder_ / "several.fa"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> contigs;
  for (const auto& row : rows_of(result.out)) {
    if (contigs.empty() || contigs.back() != row[0]) contigs.push_back(row[0]);
  }
  EXPECT_EQ(contigs, (Words{"second", "first"}));
  // 176 windows each of 3,000 bases, 1 of the short contig, 51 of the unknown one.
  EXPECT_THAT(result.err, HasSubstr("4 contigs, 7,050 bases, 404 windows: 352 scored on both "
                                    "strands, 52 skipped for N"));
}

TEST_F(Annotate, NothingFoundIsNoError) {
  write_text(folder_ / "n.fa", ">n\n" + std::string(500, 'n') + "\n");
  const ProcessResult result = run({folder_ / "n.fa"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(rows_of(result.out).empty());
  EXPECT_THAT(result.out, HasSubstr("#contig\tbegin"));
  EXPECT_THAT(result.err, HasSubstr("0 promoters"));
}

TEST_F(Annotate, AModelWithoutAnOffsetGivesTheMiddleAndSaysSo) {
  io::ModelFolder model = support::TinyModelWriter({}).make();
  model.config["dnabird"]["tss_offset"] = -1;
  io::write_model_folder(folder_ / "middle", model);
  const ProcessResult result = support::run_dnabird(
      {"annotate", "-m", folder_ / "middle", "--threshold", "0.6", genome_, "-q"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: model"));
  EXPECT_THAT(result.err, HasSubstr("tss_offset"));
  EXPECT_THAT(result.out, HasSubstr("tss_offset=100 "));
}

struct Fault {
  const char* what;
  Words words;
  int exit_code;
  std::vector<std::string> parts;
};

TEST_F(Annotate, FaultsAreOneLineAndLeaveNothing) {
  const std::string fasta = kData + "/small.fa";
  io::ModelFolder beyond = support::TinyModelWriter({}).make();
  beyond.config["dnabird"]["tss_offset"] = 200;
  io::write_model_folder(folder_ / "beyond", beyond);
  support::write_tiny_model(folder_ / "headless", {.promoter_head = false});
  write_text(folder_ / "empty.fa", "");
  write_text(folder_ / "nameless.fa", "ACGT\n");
  support::copy_truncated(fasta + ".gz", folder_ / "cut.fa.gz", 9000);
  write_text(folder_ / "bad.bed", "z\tone\t2\n");
  const Fault faults[] = {
      {"missing", {folder_ / "no.fa"}, 1, {"'" + folder_ / "no.fa'", "No such file"}},
      {"empty", {folder_ / "empty.fa"}, 1, {"empty.fa"}},
      {"not a FASTA", {folder_ / "nameless.fa"}, 1, {"nameless.fa", "line 1", ">"}},
      {"a VCF", {kData + "/small.vcf"}, 1, {"small.vcf", "not a FASTA"}},
      {"truncated", {folder_ / "cut.fa.gz"}, 1, {"cut.fa.gz"}},
      {"missing for regions", {"-r", "z", folder_ / "no.fa"}, 1, {"no.fa"}},
      {"unknown contig", {"-r", "q:1-200", fasta}, 1, {"'q'", fasta, "it has z"}},
      {"behind the contig", {"-r", "z:50001-60000", fasta}, 1, {"z:50001", "ends at 50000"}},
      {"not a region", {"-r", "z:a-b", fasta}, 2, {"z:a-b"}},
      {"not a BED", {"-R", folder_ / "bad.bed", fasta}, 1, {"bad.bed", "line 1"}},
      {"regions of stdin", {"-r", "z", "-"}, 2, {"--regions", "standard input"}},
      {"stride 0 or less", {"--stride", "-5", fasta}, 2, {"--stride: -5", "1 to 200"}},
      {"stride too long", {"--stride", "201", fasta}, 2, {"--stride: 201", "1 to 200"}},
      {"no folder for the output", {fasta, "-o", folder_ / "no/out.bed"}, 1, {"no/out.bed"}},
  };
  const std::vector<std::string> before = folder_.names();
  for (const Fault& fault : faults) {
    Words words = fault.words;
    if (fault.what != std::string("no folder for the output")) {
      words.insert(words.end(), {"-o", folder_ / "out.bed"});
    }
    const ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, fault.exit_code) << fault.what << ": " << result.err;
    EXPECT_EQ(result.out, "") << fault.what;
    EXPECT_EQ(result.err_lines(), 1) << fault.what << ": " << result.err;
    EXPECT_THAT(result.err, testing::StartsWith("dnabird annotate: error: ")) << fault.what;
    for (const std::string& part : fault.parts) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(folder_.names(), before) << fault.what;
  }
  for (const auto& [model, part] : {std::pair{"headless", "dnabird finetune --task promoter"},
                                    std::pair{"beyond", "tss_offset 200 lies outside"}}) {
    const ProcessResult result = support::run_dnabird({"annotate", "-m", folder_ / model, fasta});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_THAT(result.err, HasSubstr(folder_ / model));
  }
}

TEST_F(Annotate, AThresholdIsAProbability) {
  for (const char* text : {"0", "1", "1.5", "-0.1"}) {
    const ProcessResult result = support::run_dnabird(
        {"annotate", "-m", folder_ / "tiny", "--threshold", text, kData + "/small.fa"});
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_THAT(result.err, HasSubstr("--threshold"));
  }
}

}  // namespace
}  // namespace dnabird
