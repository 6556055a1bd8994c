#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "core/text.h"
#include "io/output_file.h"
#include "io/vcf.h"
#include "support/child.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using support::read_text;
using support::TempFolder;
using support::throws_data_error;
using support::throws_usage_error;
using Strings = std::vector<std::string>;

const std::string kData = support::test_data_folder();
const std::string kHeader =
    "##fileformat=VCFv4.2\n##contig=<ID=z,length=1000>\n"
    "##INFO=<ID=AF,Number=A,Type=Float,Description=\"x\">\n"
    "##INFO=<ID=DP,Number=1,Type=Integer,Description=\"x\">\n"
    "##INFO=<ID=END,Number=1,Type=Integer,Description=\"x\">\n"
    "##INFO=<ID=DB,Number=0,Type=Flag,Description=\"x\">\n"
    "##INFO=<ID=NOTE,Number=1,Type=String,Description=\"x\">\n";
const std::string kColumns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

std::string describe(const VariantRecord& record) {
  return record.contig() + ":" + std::to_string(record.position() + 1) + " " + record.ref() + ">" +
         core::join(record.alts(), ",");
}

Strings records_of(const std::string& path, const VariantFilter& filter = {}, int threads = 1) {
  VariantReader reader(path, filter, threads);
  Strings records;
  for (VariantRecord record; reader.next(record);) records.push_back(describe(record));
  return records;
}

/// What the text of a VCF says itself.
Strings records_of_text(const std::string& text) {
  Strings records;
  for (const std::string& line : core::split(text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const Strings f = core::split(line, '\t');
    records.push_back(f[0] + ":" + f[1] + " " + f[3] + ">" + f[4]);
  }
  return records;
}

class Reading : public testing::Test {
 protected:
  Strings of_text(const std::string& text) {
    support::write_text(path_, text);
    return records_of(path_);
  }
  TempFolder folder_;
  std::string path_ = folder_ / "x.vcf";
};

TEST(VariantReader, VcfBgzipAndBcfGiveTheSameRecords) {
  const Strings expected = records_of_text(read_text(kData + "/small.vcf"));
  ASSERT_EQ(expected.size(), 200u);
  for (const char* name : {"/small.vcf", "/small.vcf.gz", "/small.bcf"}) {
    for (const int threads : {1, 3}) {
      EXPECT_EQ(records_of(kData + name, {}, threads), expected) << name;
    }
    const auto child = support::run_in_child([&] {
      dup2(open((kData + name).c_str(), O_RDONLY), STDIN_FILENO);
      return core::join(records_of("-"), "\n");
    });
    EXPECT_EQ(child.said, core::join(expected, "\n")) << name << " from stdin";
  }
}

TEST(VariantReader, Contigs) {
  for (const char* name : {"/small.vcf", "/small.vcf.gz", "/small.bcf"}) {
    EXPECT_EQ(VariantReader(kData + name, {}, 1).contigs(), Strings{"z"});
  }
}

TEST(VariantReader, RecordsOutliveTheirReader) {
  std::vector<VariantRecord> records;
  {
    VariantReader reader(kData + "/small.bcf", {}, 1);
    for (VariantRecord record; reader.next(record);) records.push_back(std::move(record));
  }
  ASSERT_EQ(records.size(), 200u);
  EXPECT_EQ(records[0].info_number("AN"), 5008);
  EXPECT_EQ(records[199].contig(), "z");
}

TEST_F(Reading, InfoNumbers) {
  support::write_text(path_, kHeader + kColumns +
                                 "z\t1\t.\tA\tC,G\t.\t.\tAF=0.25,0.5;DP=70000;DB;NOTE=2.5\n"
                                 "z\t2\t.\tA\tC\t.\t.\tAF=.;DP=-3;NOTE=abc;UNDECLARED=7,8\n"
                                 "z\t3\t.\tA\tC\t.\t.\t.\n");
  VariantReader reader(path_, {}, 1);
  VariantRecord record;
  EXPECT_EQ(record.info_number("AF"), std::nullopt) << "a record that was never read";
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.info_number("AF"), 0.25);
  EXPECT_EQ(record.info_number("DP"), 70000);
  EXPECT_EQ(record.info_number("NOTE"), 2.5);
  EXPECT_EQ(record.info_number("DB"), std::nullopt);
  EXPECT_EQ(record.info_number("NONE"), std::nullopt);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.info_number("AF"), std::nullopt);
  EXPECT_EQ(record.info_number("DP"), -3);
  EXPECT_EQ(record.info_number("NOTE"), std::nullopt);
  EXPECT_EQ(record.info_number("UNDECLARED"), 7);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.info_number("DP"), std::nullopt);
  EXPECT_FALSE(reader.next(record));
}

TEST_F(Reading, OddButValid) {
  EXPECT_EQ(of_text(kHeader + kColumns + "z\t0\t.\tN\tA\t.\t.\t.\n" +
                    "z\t5\t.\tA\t.\t.\t.\t.\n\nz\t5\t.\ta\t*,<DEL>,A[z:9[\t.\t.\t.\r\n"),
            (Strings{"z:0 N>A", "z:5 A>.", "z:5 a>*,<DEL>,A[z:9["}));
  EXPECT_EQ(of_text(kHeader + kColumns), Strings{}) << "a header without records";
  EXPECT_EQ(of_text("##fileformat=VCFv4.2\n" + kColumns + "q\t7\t.\tA\tC\t9\tq10\tX=1\n" +
                    "r\t3\t.\tA\tC\t.\t.\tX\nq\t1\t.\tA\tC\t.\t.\t.\n"),
            (Strings{"q:7 A>C", "r:3 A>C", "q:1 A>C"}))
      << "contigs, filters and tags without header lines, not sorted";
}

TEST_F(Reading, RegionsAndTargetsGiveTheSame) {
  const Strings all = records_of(kData + "/small.vcf");
  const auto expected = [&](std::int64_t begin, std::int64_t end) {
    Strings found;
    VariantReader reader(kData + "/small.vcf", {}, 1);
    for (VariantRecord record; reader.next(record);) {
      std::int64_t last = record.position() + static_cast<std::int64_t>(record.ref().size());
      last = std::max(last, static_cast<std::int64_t>(record.info_number("END").value_or(0)));
      if (record.position() < end && last > begin) found.push_back(describe(record));
    }
    return found;
  };
  support::write_text(folder_ / "r.bed", "z\t13000\t14000\nz\t13500\t15000\nother\t5\t9\n");
  ASSERT_GE(expected(13000, 15000).size(), 5u);
  for (const char* name : {"/small.vcf.gz", "/small.bcf"}) {
    const std::string path = kData + name;
    EXPECT_EQ(records_of(path, {.regions = "z"}), all);
    EXPECT_EQ(records_of(path, {.regions = "chrz"}), all) << "another name of the contig";
    EXPECT_EQ(records_of(path, {.regions = "z:13,001-15,000"}), expected(13000, 15000));
    EXPECT_EQ(records_of(path, {.regions = "z:14001-15000,z:13001-14500"}), expected(13000, 15000))
        << "overlapping and in another order: no record twice, order of the file";
    EXPECT_EQ(records_of(path, {.regions_file = folder_ / "r.bed"}), expected(13000, 15000));
    EXPECT_EQ(records_of(path, {.regions = "z:15000-15001"}), expected(14999, 15001))
        << "a symbolic deletion that spans it";
    EXPECT_EQ(records_of(path, {.regions = "z:49500-"}), Strings{});
    EXPECT_EQ(records_of(path, {.regions = "z:13001-30000", .targets = "z:14001-15000"}),
              expected(14000, 15000));
    // Two separate regions under one long deletion: it comes once.
    Strings both = expected(13800, 14000);
    for (const std::string& record : expected(15000, 16000)) {
      if (std::find(both.begin(), both.end(), record) == both.end()) both.push_back(record);
    }
    EXPECT_EQ(records_of(path, {.regions = "z:13801-14000,z:15001-16000"}), both);
  }
  for (const char* name : {"/small.vcf", "/small.vcf.gz", "/small.bcf"}) {
    const std::string path = kData + name;
    EXPECT_EQ(records_of(path, {.targets = "z:13001-15000"}), expected(13000, 15000));
    EXPECT_EQ(records_of(path, {.targets_file = folder_ / "r.bed"}), expected(13000, 15000));
    EXPECT_EQ(records_of(path, {.targets = "nowhere"}), Strings{});
  }
}

TEST_F(Reading, RegionsWithoutAnIndex) {
  EXPECT_THAT([] { records_of("-", {.regions = "z"}); },
              throws_usage_error("standard input", "-t"));
  EXPECT_THAT([] { records_of(kData + "/small.vcf", {.regions = "z"}); },
              throws_data_error("small.vcf", "bgzip", "tabix", "-t"));
  fs::copy(kData + "/small.vcf.gz", folder_ / "a.vcf.gz");
  EXPECT_THAT([&] { records_of(folder_ / "a.vcf.gz", {.regions = "z"}); },
              throws_data_error("a.vcf.gz", "no readable index", "tabix"));
  fs::copy(kData + "/small.bcf", folder_ / "a.bcf");
  EXPECT_THAT([&] { records_of(folder_ / "a.bcf", {.regions = "z"}); },
              throws_data_error("a.bcf", "no readable index", "bcftools index"));
  EXPECT_THAT([] { records_of(kData + "/small.bcf", {.regions = "z,q:1-5"}); },
              throws_data_error("small.bcf", "'q'"));
  EXPECT_THAT([] { records_of(kData + "/small.bcf", {.regions = "z:5-1"}); },
              throws_usage_error("'z:5-1'"));
}

TEST_F(Reading, FilesThatAreNone) {
  const auto opening = [](const std::string& path) { return [path] { records_of(path); }; };
  EXPECT_THAT(opening(folder_ / "no.vcf"), throws_data_error("no.vcf", "No such file"));
  EXPECT_THAT(opening(folder_.path()), throws_data_error("directory"));
  EXPECT_THAT([&] { of_text(""); }, throws_data_error(path_, "empty"));
  EXPECT_THAT([&] { of_text("z\t1\t.\tA\tC\t.\t.\t.\n"); }, throws_data_error(path_, "header"));
  EXPECT_THAT([&] { of_text(kColumns); }, throws_data_error(path_, "##fileformat"));
  EXPECT_THAT([&] { of_text(kHeader); }, throws_data_error(path_, "#CHROM"));
  EXPECT_THAT([&] { of_text(kHeader + "z\t1\t.\tA\tC\t.\t.\t.\n"); },
              throws_data_error(path_, "#CHROM"));
  EXPECT_THAT([&] { of_text(">z\nACGT\n"); }, throws_data_error(path_, "not a VCF"));
}

TEST_F(Reading, MalformedRecordsNameTheirLine) {
  const std::string good = "z\t1\t.\tA\tC\t.\t.\t.\n";
  const auto bad = [&](const std::string& line) {
    return [&, line] { of_text(kHeader + kColumns + good + line); };
  };
  for (const std::string line :
       {"z\t2\t.\tA\tC\t.\t.\n", "z\t2\n", "z 2 . A C . . .\n", "z\tx\t.\tA\tC\t.\t.\t.\n",
        "z\t-2\t.\tA\tC\t.\t.\t.\n", "z\t2.5\t.\tA\tC\t.\t.\t.\n", "z\t2\t.\t\tC\t.\t.\t.\n",
        "z\t2\t.\t.\tC\t.\t.\t.\n", "z\t2\t.\tA\tC\t.\t.\t.\tGT\t0/1\n",
        "z\t99999999999999999999\t.\tA\tC\t.\t.\t.\n", "z\t3\t.\tA\tC\t.\t."}) {
    EXPECT_THAT(bad(line), throws_data_error(path_, "line 10", "malformed")) << line;
  }
  const std::string samples = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n";
  EXPECT_THAT([&] { of_text(kHeader + samples + "z\t1\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"); },
              throws_data_error(path_, "line 9", "10 columns", "11"));
}

TEST_F(Reading, TruncatedFiles) {
  for (const char* name : {"/small.vcf.gz", "/small.bcf"}) {
    const std::string whole = read_text(kData + name);
    for (const std::size_t cut : {1u, 27u, 28u, 29u, 2000u}) {  // 28 bytes: exactly the end mark
      const std::string path = folder_ / "cut";
      support::write_text(path, whole.substr(0, whole.size() - cut));
      EXPECT_THAT([&] { records_of(path); }, throws_data_error("cut", "truncated")) << cut;
      for (const int threads : {1, 2}) {
        const auto child = support::run_in_child([&] {
          FILE* pipe = popen(("cat " + path).c_str(), "r");
          dup2(fileno(pipe), STDIN_FILENO);
          return std::to_string(records_of("-", {}, threads).size());
        });
        EXPECT_NE(child.said.find("truncated"), std::string::npos) << cut << child.said;
      }
    }
  }
  std::string text = kHeader + kColumns;
  for (int i = 1; i < 20000; ++i) text += "z\t" + std::to_string(i) + "\t.\tA\tC\t.\t.\t.\n";
  gzFile gz = gzopen((folder_ / "g.vcf.gz").c_str(), "w");
  gzputs(gz, text.c_str());
  gzclose(gz);
  EXPECT_EQ(records_of(folder_ / "g.vcf.gz").size(), 19999u) << "gzip that is not bgzip streams";
  support::copy_truncated(folder_ / "g.vcf.gz", folder_ / "h.vcf.gz",
                          fs::file_size(folder_ / "g.vcf.gz") / 2);
  EXPECT_THAT([&] { records_of(folder_ / "h.vcf.gz"); }, throws_data_error("h.vcf.gz"));
}

TEST_F(Reading, DamagedFiles) {
  for (const char* name : {"/small.vcf.gz", "/small.bcf"}) {
    std::string whole = read_text(kData + name);
    for (std::size_t i = whole.size() / 2; i < whole.size() / 2 + 50; ++i) whole[i] ^= 0x55;
    support::write_text(folder_ / "bad", whole);
    EXPECT_THAT([&] { records_of(folder_ / "bad"); }, throws_data_error("bad'")) << name;
  }
}

TEST_F(Reading, HtslibSaysNothingItself) {
  testing::internal::CaptureStderr();
  EXPECT_ANY_THROW(of_text(kHeader + kColumns + "z\t1\t.\tA\tC\t.\t.\n"));
  EXPECT_ANY_THROW(of_text("nothing"));
  of_text("##fileformat=VCFv4.2\n" + kColumns + "q\t7\t.\tA\tC\t9\tq10\tX=1\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace dnabird::io
