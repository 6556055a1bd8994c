// Records of a VCF that are copied as text, and such as are written anew: no difference shows.
#include <gtest/gtest.h>

#include <optional>

#include "core/background.h"
#include "core/rng.h"
#include "core/text.h"
#include "io/vcf.h"
#include "support/annotate_vcf.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::annotate;
using support::options_for;
using support::read_text;
using support::TempFolder;
using Strings = std::vector<std::string>;

const std::string kHeader =
    "##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=\"All filters passed\">\n"
    "##FILTER=<ID=q10,Description=\"x\">\n##contig=<ID=z,length=1000>\n"
    "##INFO=<ID=DB,Number=0,Type=Flag,Description=\"x\">\n"
    "##INFO=<ID=N,Number=.,Type=Integer,Description=\"x\">\n"
    "##INFO=<ID=F,Number=.,Type=Float,Description=\"x\">\n"
    "##INFO=<ID=S,Number=.,Type=String,Description=\"x\">\n"
    "##INFO=<ID=SCORE_OLD,Number=1,Type=Float,Description=\"x\">\n";
const std::string kColumns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

Strings records_of(const std::string& path) {
  Strings lines;
  for (const std::string& line : core::split(read_text(path), '\n')) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

/// The records as they are written from a VCF.
Strings written(const TempFolder& folder, const Strings& lines) {
  support::write_text(folder / "in.vcf",
                      kHeader + kColumns + "\n" + core::join(lines, "\n") + "\n");
  annotate(folder / "in.vcf", options_for(folder / "o.vcf"));
  return records_of(folder / "o.vcf");
}

/// As `written`; a BCF holds no text, and what has a score already is not copied either.
void expect_same_of_bcf_and_again(const TempFolder& folder, const Strings& lines) {
  const Strings expected = written(folder, lines);
  ASSERT_EQ(expected.size(), lines.size());
  annotate(folder / "in.vcf", options_for(folder / "o.bcf"));
  annotate(folder / "o.bcf", options_for(folder / "back.vcf"));
  annotate(folder / "o.vcf", options_for(folder / "again.vcf"));
  const Strings back = records_of(folder / "back.vcf"), again = records_of(folder / "again.vcf");
  ASSERT_EQ(back.size(), lines.size());
  ASSERT_EQ(again.size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(expected[i], back[i]) << lines[i];
    EXPECT_EQ(expected[i], again[i]) << lines[i];
  }
}

TEST(VcfText, NumbersHaveTheSameDigitsFromEveryInput) {
  const TempFolder folder;
  Strings lines;
  for (const std::string number :
       {"0",         "1",          "-1",          "-0",        "00",      "01",        "+1",
        "0.5",       "0.50",       "1.",          ".5",        "1e3",     "1E-3",      "0.0001",
        "0.00012",   "0.00001",    "0.123456",    "0.1234567", "12345.6", "12345.67",  "999999",
        "1000000",   "1234567",    "0.000199681", "100.00",    "3.14159", "-0.000100", "1,2",
        "1,,2",      ",",          "1,",          "1,.",       ".",       "inf",       "nan",
        "123456789", "1234567890", "2147483647"}) {
    for (const std::string tag : {"F=", "N=", "S=", "SCORE_OLD="}) {
      lines.push_back("z\t9\t.\tA\tC\t.\t.\t" + tag + number);
    }
    lines.push_back("z\t9\t.\tA\tC\t" + number + "\tPASS\tDB");
  }
  expect_same_of_bcf_and_again(folder, lines);
}

TEST(VcfText, OddColumnsAndEntriesAreWrittenAlikeFromEveryInput) {
  const TempFolder folder;
  Strings lines;
  for (const std::string info :
       {".", "DB", "DB;", "DB=1", "DB=x;N=1", "N", "N=", "N=1;;DB", ";DB", "S=a,b", "S=", "S=a=b",
        "S=\x07", "F=1;F=2", "N=1;S=x y;DB;F=.,2"}) {
    lines.push_back("z\t9\t.\tA\tC\t.\t.\t" + info);
  }
  for (const std::string columns :
       {"z\t09\t.\tA\tC\t.\t.", "z\t0\t.\tA\tC\t.\t.", "z\t9\trs1;rs2\tacg\tA,<DEL>\t.\tq10",
        "z\t9\t.\tA\t*\t.\tq10;PASS", "z\t9\t.\tA\t.\t1.5\tPASS;",
        "z\t9\tx\tA\tC,,T\t1.50\tq10;q10", "z\t9\t.\tN\t]z:5]N\t.\tPASS"}) {
    for (const std::string info : {".", "N=7", "F=0.50"}) lines.push_back(columns + "\t" + info);
  }
  expect_same_of_bcf_and_again(folder, lines);
}

TEST(VcfText, RandomNumbersHaveTheSameDigitsFromEveryInput) {
  const TempFolder folder;
  core::Rng rng(1, 1);
  Strings lines;
  for (int i = 0; i < 3000; ++i) {
    std::string number = rng.below(4) == 0 ? "-" : "";
    const auto add = [&](std::int64_t n) {
      for (std::int64_t d = 0; d < n; ++d) number += static_cast<char>('0' + rng.below(10));
    };
    add(1 + rng.below(7));
    if (rng.below(4) > 0) number += ".";
    if (number.back() == '.') add(rng.below(9));
    lines.push_back("z\t9\t.\tA\tC\t" + number + "\t.\tF=" + number + ";DB");
  }
  expect_same_of_bcf_and_again(folder, lines);
}

TEST(VcfText, ReaderAndWriterAtOnceWriteWhatOneThreadWrites) {
  const TempFolder folder;
  // Nothing is declared, so the header grows all the way; every third record has a score already.
  std::string text = "##fileformat=VCFv4.2\n" + kColumns + "\n";
  for (int i = 0; i < 3000; ++i) {
    const std::string n = std::to_string(i), tag = std::to_string(i % 500);
    text += "z" + std::to_string(i / 10) + "\t" + n + "\t.\tA\tC\t.\tf" + tag + "\tT" + tag + "=" +
            n + (i % 3 == 0 ? ";SCORE=1\n" : "\n");
  }
  support::write_text(folder / "in.vcf", text);
  annotate(folder / "in.vcf", options_for(folder / "expected.vcf"));
  {
    VariantReader reader(folder / "in.vcf", {}, 1);
    VariantWriter writer(reader, options_for(folder / "o.vcf"));
    core::PrepareAhead<VariantRecord, VariantRecord> ahead(
        [&]() -> std::optional<VariantRecord> {
          VariantRecord record;
          if (!reader.next(record)) return std::nullopt;
          return record;
        },
        [](VariantRecord record) { return record; }, 1, 100);
    float score = 0;
    while (std::optional<VariantRecord> record = ahead.next()) {
      record->set_info_floats("SCORE", {score += 0.5F});
      record->set_info_strings("STATUS", {"OK"});
      writer.write(*record);
    }
    writer.commit();
  }
  EXPECT_EQ(
      support::first_difference(read_text(folder / "o.vcf"), read_text(folder / "expected.vcf")),
      "");
}

}  // namespace
}  // namespace dnabird::io
