// What score does to a file: one status for every allele, all else untouched, the same bytes
// whatever the threads, batches and kind of file.
#include "support/score_cli.h"

namespace dnabird {
namespace {

using support::first_difference;
using support::ProcessResult;
using support::read_text;
using support::run_process;
using support::split_text;
using support::test_data;
using support::VcfText;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

constexpr const char* kFew = "z:41000-44000";  // with deletions, an insertion and a symbol

class ScoreRecords : public support::ScoreCli {
 protected:
  /// small.vcf with two samples, filters, quality and QUAL as callers write them.
  std::string write_with_samples() const {
    VcfText vcf(read_text(test_data("small.vcf")));
    vcf.header.back() += "\tFORMAT\tmother\tchild";
    const std::vector<std::string> lines = {
        "##FILTER=<ID=q10,Description=\"Quality below 10\">",
        "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">",
        "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Likelihoods\">"};
    vcf.header.insert(vcf.header.end() - 1, lines.begin(), lines.end());
    for (std::size_t i = 0; i < vcf.records.size(); ++i) {
      std::vector<std::string>& columns = vcf.records[i];
      columns[5] = i % 3 ? "31.5" : ".";
      columns[6] = i % 4 ? "PASS" : "q10";
      if (i % 5 == 0) columns[7] = ".";
      const std::vector<std::string> samples = {"GT:PL", "0/1:13,0,20", i % 2 ? "./." : "1|0:."};
      columns.insert(columns.end(), samples.begin(), samples.end());
    }
    support::write_text(folder_ / "samples.vcf", vcf.text());
    return folder_ / "samples.vcf";
  }
};

TEST_F(ScoreRecords, EverythingButInfoIsUntouched) {
  const std::string input = write_with_samples();
  // What htslib itself makes of the file.
  const ProcessResult as_is = run_process({"bcftools", "view", "--no-version", "-t", kFew, input});
  ASSERT_EQ(as_is.exit_code, 0) << as_is.err;
  const VcfText result = scored({input, "-t", kFew});
  EXPECT_EQ(first_difference(result.without_ours().text(), as_is.out), "");
  ASSERT_GT(result.records.size(), 10u);
  for (std::size_t i = 0; i < result.records.size(); ++i) {
    const std::size_t n_alts = split_text(result.records[i][4], ',').size();
    for (const char* tag : {"DNABIRD_LLR", "DNABIRD_PROM", "DNABIRD_DIST", "DNABIRD_STATUS"}) {
      EXPECT_EQ(result.info(i, tag).size(), n_alts) << tag;
    }
  }
}

TEST_F(ScoreRecords, TheHeaderSaysWhatMadeIt) {
  const ProcessResult result = score({test_data("small.vcf"), "-t", "z:1-300", "--seed", "7"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n##dnabirdVersion=0."));
  EXPECT_THAT(result.out,
              testing::ContainsRegex("\n##dnabirdCommand=.*dnabird score -m .*/tiny -f "));
  EXPECT_THAT(result.out, testing::ContainsRegex(
                              "\n##dnabirdModel=tiny sha256=[0-9a-f]+ precision=b?f[0-9]+\n"));
  EXPECT_THAT(result.out, HasSubstr("\n##dnabirdSeed=7\n"));
  for (const char* tag : {"LLR", "PROM", "DIST"}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("\n##INFO=<ID=DNABIRD_") + tag +
                                      ",Number=A,Type=Float,Description=\""));
  }
  EXPECT_THAT(result.out, HasSubstr("\n##INFO=<ID=DNABIRD_STATUS,Number=A,Type=String,"));
}

TEST_F(ScoreRecords, EqualBytesForThreadsBatchesAndKindsOfInput) {
  const std::string few = "z:35600-35700,z:42261,z:43000-43100";
  const std::string expected = scored({test_data("small.vcf"), "-t", few}).without_command().text();
  const std::vector<Words> others = {
      {test_data("small.vcf"), "--threads", "2"},
      {test_data("small.vcf"), "--batch-size", "1"},
      {test_data("small.vcf"), "--batch-size", "8"},
      {test_data("small.vcf.gz"), "--threads", "2", "--batch-size", "8"},
      {test_data("small.bcf")},
      {test_data("small.bcf"), "-f", test_data("small.fa.gz")},
  };
  for (Words words : others) {
    words.insert(words.end(), {"-t", few});
    EXPECT_EQ(first_difference(scored(words).without_command().text(), expected), "")
        << words[0] << " " << words[1];
  }
}

TEST_F(ScoreRecords, ASecondRunReplacesTheFirst) {
  const std::string once = folder_ / "once.vcf";
  ASSERT_EQ(
      score({test_data("small.vcf"), "-t", kFew, "-m", model("headless"), "-o", once}).exit_code,
      0);
  const VcfText twice = scored({once});
  const VcfText direct = scored({test_data("small.vcf"), "-t", kFew});
  ASSERT_EQ(twice.records.size(), direct.records.size());
  for (std::size_t i = 0; i < twice.records.size(); ++i) {
    for (const char* tag : {"DNABIRD_LLR", "DNABIRD_PROM", "DNABIRD_DIST", "DNABIRD_STATUS"}) {
      EXPECT_EQ(twice.info(i, tag), direct.info(i, tag));
    }
  }
}

TEST_F(ScoreRecords, WithAndWithoutContigLines) {
  const VcfText without = scored({write_vcf({"200 A C", "226 A T"}, "")});
  EXPECT_THAT(without.header, testing::Contains("##contig=<ID=z,length=50000>"));
  const std::string input = write_vcf({"200 A C", "226 A T"});
  const VcfText with = scored({input});
  const ProcessResult as_is = run_process({"bcftools", "view", "--no-version", input});
  EXPECT_EQ(first_difference(with.without_ours().text(), as_is.out), "");
  ASSERT_EQ(with.records.size(), without.records.size());
  for (std::size_t i = 0; i < with.records.size(); ++i) {
    EXPECT_EQ(with.records[i], without.records[i]);
  }
  // BCF needs every contig declared: those of the FASTA are.
  const std::string bcf = folder_ / "out.bcf";
  const ProcessResult result = score({write_vcf({"200 A C", "226 A T"}, ""), "-o", bcf});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(VcfText(run_process({"bcftools", "view", bcf}).out).records, with.records);
  // The FASTA names the contig otherwise.
  const VcfText renamed = scored({write_vcf({"chrz 226 A T"}, "##contig=<ID=chrz>\n")});
  EXPECT_EQ(renamed.records[0][0], "chrz");
  EXPECT_EQ(renamed.info(0, "DNABIRD_LLR"), with.info(1, "DNABIRD_LLR"));
}

TEST_F(ScoreRecords, EveryStatusAndTheCounts) {
  // z has A at 226 and C at 227.
  const std::string long_ref(60, 'N');  // N stands for any base
  const std::string input = write_vcf({
      "226 A T",
      "226 a t",
      "226 R T",
      "226 G T",
      "226 A <DEL>,*,T",
      "226 A .",
      "226 A N",
      "226 A A" + std::string(51, 'C'),
      "300 " + long_ref + " N",
      "0 N T",
      "50001 A T",
      "50000 NN T",
      "nowhere 5 A T",
  });
  const ProcessResult result = score({input});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const VcfText vcf(result.out);
  std::vector<std::string> statuses;
  for (std::size_t i = 0; i < vcf.records.size(); ++i) {
    std::string joined;
    const std::vector<std::string> status = vcf.info(i, "DNABIRD_STATUS");
    for (std::size_t a = 0; a < status.size(); ++a) {
      joined += (a ? "," : "") + status[a];
      for (const char* tag : {"DNABIRD_LLR", "DNABIRD_PROM", "DNABIRD_DIST"}) {
        EXPECT_EQ(vcf.info(i, tag).at(a) == ".", status[a] != "OK") << tag << i;
      }
    }
    statuses.push_back(joined);
  }
  EXPECT_EQ(statuses, (Words{"OK", "OK", "OK", "REF_MISMATCH", "SYMBOLIC,SYMBOLIC,OK", "SYMBOLIC",
                             "N_RICH", "TOO_LONG", "TOO_LONG", "OUT_OF_RANGE", "OUT_OF_RANGE",
                             "REF_MISMATCH", "NO_CONTIG"}));
  for (const std::size_t i : {1u, 2u}) {  // letter case and IUPAC codes are other writings
    EXPECT_EQ(vcf.info(i, "DNABIRD_LLR"), vcf.info(0, "DNABIRD_LLR"));
  }
  EXPECT_THAT(result.err,
              EndsWith("dnabird: 13 records in, 13 out; 15 alleles: 4 OK, 2 REF_MISMATCH, "
                       "1 NO_CONTIG, 3 SYMBOLIC, 2 TOO_LONG, 1 N_RICH, 2 OUT_OF_RANGE\n"));
  EXPECT_THAT(result.err, HasSubstr("warning: 2 records differ from the reference (first: z:226: "
                                    "REF is 'G', but '" +
                                    test_data("small.fa") + "' has 'A' there)"));
  EXPECT_THAT(result.err, HasSubstr("warning: 1 record on contigs that '"));
  EXPECT_THAT(result.err, HasSubstr("(first: nowhere:5)"));
  EXPECT_THAT(result.err, HasSubstr("warning: 2 records outside of their contig"));
  EXPECT_THAT(result.err, HasSubstr("(first: z:0, but the contig has 50,000 bases)"));
}

TEST_F(ScoreRecords, CheckRef) {
  const std::string input = write_vcf({"226 A T", "227 G A", "416 C T"});
  const ProcessResult warned = score({input, "--check-ref", "warn"});
  const ProcessResult skipped = score({input, "--check-ref", "skip"});
  EXPECT_EQ(warned.exit_code, 0);
  EXPECT_EQ(skipped.exit_code, 0);
  EXPECT_EQ(VcfText(skipped.out).without_command().text(),
            VcfText(warned.out).without_command().text());
  EXPECT_EQ(VcfText(skipped.out).info(1, "DNABIRD_STATUS"), Words{"REF_MISMATCH"});
  EXPECT_THAT(warned.err, HasSubstr("warning"));
  EXPECT_THAT(skipped.err, Not(HasSubstr("warning")));
  EXPECT_THAT(skipped.err, HasSubstr("1 REF_MISMATCH"));

  const std::string output = folder_ / "out.vcf";
  const ProcessResult stopped = score({input, "--check-ref", "exit", "-o", output});
  EXPECT_EQ(stopped.exit_code, 1);
  EXPECT_EQ(stopped.err_lines(), 1) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("z:227: REF is 'G', but '"));
  EXPECT_EQ(folder_.names(), Words{"in.vcf"});
}

TEST_F(ScoreRecords, PartOfTheScores) {
  const VcfText all = scored({test_data("small.vcf"), "-t", "z:41000-42000"});
  for (const auto& [asked, tags] : std::map<std::string, Words>{
           {"llr", {"DNABIRD_LLR"}},
           {"dist,prom", {"DNABIRD_PROM", "DNABIRD_DIST"}},
       }) {
    const VcfText part = scored({test_data("small.vcf"), "-t", "z:41000-42000", "--scores", asked});
    for (const char* tag : {"DNABIRD_LLR", "DNABIRD_PROM", "DNABIRD_DIST"}) {
      const bool is_asked = std::find(tags.begin(), tags.end(), tag) != tags.end();
      EXPECT_EQ(part.text().find(tag) != std::string::npos, is_asked) << tag;
      if (is_asked) {
        EXPECT_EQ(part.info(0, tag), all.info(0, tag));
      }
    }
    EXPECT_EQ(part.info(0, "DNABIRD_STATUS"), all.info(0, "DNABIRD_STATUS"));
  }
}

TEST_F(ScoreRecords, AModelWithoutPromoterHead) {
  const Words words = {test_data("small.vcf"), "-t", "z:1-300", "-m", model("headless")};
  const ProcessResult result = score(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("DNABIRD_PROM")));
  EXPECT_THAT(result.out, HasSubstr("DNABIRD_LLR="));
  EXPECT_THAT(result.err, HasSubstr("no DNABIRD_PROM: the model 'headless' has no promoter head"));
  Words asked = words;
  asked.insert(asked.end(), {"--scores", "llr,prom"});
  const ProcessResult refused = score(asked);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(refused.err_lines(), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("'headless' has no promoter head"));
}

TEST_F(ScoreRecords, RegionsThroughTheIndexAndTargetsByReading) {
  const std::string bed = folder_ / "part.bed";
  support::write_text(bed, "z\t40999\t42000\n");
  const std::string expected =
      scored({test_data("small.vcf"), "-t", "z:41,000-42,000"}).without_command().text();
  const std::vector<Words> others = {
      {test_data("small.vcf.gz"), "-r", "z:41000-42000"},
      {test_data("small.bcf"), "-r", "chrz:41000-42000"},
      {test_data("small.vcf.gz"), "-R", bed},
      {test_data("small.vcf.gz"), "-T", bed},
  };
  for (const Words& words : others) {
    const VcfText result = scored(words);
    EXPECT_EQ(first_difference(result.without_command().text(), expected), "") << words[1];
  }
}

TEST_F(ScoreRecords, AFileWithoutRecordsStaysOne) {
  const ProcessResult result = score({write_vcf({})});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(VcfText(result.out).records.empty());
  EXPECT_THAT(result.err, EndsWith("dnabird: 0 records in, 0 out; 0 alleles\n"));
}

}  // namespace
}  // namespace dnabird
