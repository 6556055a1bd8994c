#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/text.h"
#include "io/vcf.h"
#include "support/annotate_vcf.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using support::annotate;
using support::first_difference;
using support::options_for;
using support::read_text;
using support::TempFolder;
using support::throws_data_error;
using Strings = std::vector<std::string>;

const std::string kData = support::test_data_folder();
const Strings kInputs = {"/small.vcf", "/small.vcf.gz", "/small.bcf"};

Strings lines_of(const std::string& text, bool header) {
  Strings lines;
  for (const std::string& line : core::split(text, '\n')) {
    if (!line.empty() && (line[0] == '#') == header) lines.push_back(line);
  }
  return lines;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(VariantWriter, RecordsAreUntouchedButForInfo) {
  const TempFolder folder;
  annotate(kData + "/small.vcf", options_for(folder / "o.vcf"));
  const Strings before = lines_of(read_text(kData + "/small.vcf"), false);
  const Strings after = lines_of(read_text(folder / "o.vcf"), false);
  ASSERT_EQ(after.size(), before.size());
  int n = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string alts = core::split(before[i], '\t')[4];
    Strings scores, status;
    for (const std::string& alt : core::split(alts, ',')) {
      char score[32];
      snprintf(score, sizeof(score), "%g", 0.5 * (n + 1));
      scores.push_back(alt[0] == '<' ? "." : score);
      status.push_back(alt[0] == '<' ? "SYMBOLIC" : "OK");
      n += alt[0] != '<';
    }
    EXPECT_EQ(after[i], before[i] + ";SCORE=" + core::join(scores, ",") +
                            ";STATUS=" + core::join(status, ","));
  }
}

TEST(VariantWriter, HeaderKeepsItsLinesAndGetsOurs) {
  const TempFolder folder;
  annotate(kData + "/small.vcf", options_for(folder / "o.vcf"));
  Strings expected = lines_of(read_text(kData + "/small.vcf"), true);
  expected.insert(expected.end() - 1,
                  {"##INFO=<ID=SCORE,Number=A,Type=Float,Description=\"A \\\"score\\\"\">",
                   "##INFO=<ID=STATUS,Number=A,Type=String,Description=\"status\">",
                   "##dnabirdVersion=0.1.0", "##dnabirdCommand=score a b c"});
  EXPECT_EQ(lines_of(read_text(folder / "o.vcf"), true), expected);
}

TEST(VariantWriter, SameBytesWhateverTheInputTheThreadsAndTheQueue) {
  const TempFolder folder;
  for (const std::string suffix : {".vcf", ".vcf.gz", ".bcf"}) {
    annotate(kData + "/small.vcf", options_for(folder / ("expected" + suffix)));
    const std::string expected = read_text(folder / ("expected" + suffix));
    for (const std::string& input : kInputs) {
      for (const int threads : {1, 2, 4}) {
        for (const int ahead : {1, 7, 1000}) {
          VariantWriterOptions options = options_for(folder / ("o" + suffix));
          options.threads = threads;
          annotate(kData + input, options, ahead);
          EXPECT_EQ(first_difference(read_text(options.path), expected), "")
              << input << threads << suffix;
        }
      }
    }
  }
}

/// small.vcf without two tags, as text.
std::string without_tags(const Strings& tags) {
  std::string result;
  for (const std::string& line : core::split(read_text(kData + "/small.vcf"), '\n')) {
    const auto is_of = [&](const std::string& text, const std::string& before) {
      return std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
        return text.starts_with(before + tag + (before.empty() ? "=" : ","));
      });
    };
    if (line.empty() || is_of(line, "##INFO=<ID=")) continue;
    Strings fields = core::split(line, '\t');
    if (line[0] != '#') {
      Strings info = core::split(fields[7], ';');
      std::erase_if(info, [&](const std::string& entry) { return is_of(entry, ""); });
      fields[7] = core::join(info, ";");
    }
    result += core::join(fields, "\t") + "\n";
  }
  return result;
}

TEST(VariantWriter, BcfThatNumbersItsHeaderOtherwise) {
  const TempFolder folder;
  support::write_text(folder / "in.vcf", without_tags({"CS", "TSD"}));
  for (const std::string suffix : {".vcf", ".vcf.gz", ".bcf"}) {
    annotate(folder / "in.vcf", options_for(folder / ("text" + suffix)));
    annotate(kData + "/small_gaps.bcf", options_for(folder / ("gaps" + suffix)));
    EXPECT_EQ(first_difference(read_text(folder / ("gaps" + suffix)),
                               read_text(folder / ("text" + suffix))),
              "");
  }
}

TEST(VariantWriter, FormatBySuffixElseByLetter) {
  const TempFolder folder;
  const std::string vcf = "##fileformat", bgzip = "\x1f\x8b", bcf = std::string("BCF\2\2");
  const auto start_of = [&](const std::string& name, char format) {
    VariantWriterOptions options = options_for(folder / name);
    options.format = format;
    annotate(kData + "/small.bcf", options);
    return read_text(options.path).substr(0, 12);
  };
  EXPECT_EQ(start_of("a.vcf", 'b'), vcf);
  EXPECT_EQ(start_of("a.vcf.gz", 'v').substr(0, 2), bgzip);
  EXPECT_EQ(start_of("a.bcf", 'v').substr(0, 2), bgzip);
  EXPECT_EQ(start_of("a", 0), vcf);
  EXPECT_EQ(start_of("a", 'v'), vcf);
  EXPECT_EQ(start_of("a", 'z').substr(0, 2), bgzip);
  EXPECT_EQ(start_of("a", 'u').substr(0, 5), bcf);
  EXPECT_EQ(start_of("a", 'b').substr(0, 2), bgzip);
  EXPECT_THAT([&] { start_of("a", 'x'); }, support::throws_usage_error("'x'"));
  // Each reads back as the same records.
  annotate(kData + "/small.vcf", options_for(folder / "e.vcf"));
  for (const char format : {'z', 'u', 'b'}) {
    start_of("a", format);
    annotate(folder / "a", options_for(folder / "again.vcf"));
    EXPECT_EQ(first_difference(read_text(folder / "again.vcf"), read_text(folder / "e.vcf")), "")
        << format;
  }
}

TEST(VariantWriter, ReannotationReplacesValuesAndLines) {
  const TempFolder folder;
  std::string text = read_text(kData + "/small.vcf");
  // A former run with another type of the same tag, at another place of INFO.
  text.replace(text.find("##INFO=<ID=CIEND"), 0,
               "##INFO=<ID=SCORE,Number=1,Type=String,Description=\"old\">\n");
  for (std::size_t at = 0; (at = text.find("\tAC=", at)) != std::string::npos; at += 5) {
    text.replace(at, 1, "\tSCORE=old;");
  }
  support::write_text(folder / "in.vcf", text);
  annotate(folder / "in.vcf", options_for(folder / "o.vcf"));
  annotate(folder / "o.vcf", options_for(folder / "again.vcf"));
  const std::string out = read_text(folder / "o.vcf"), again = read_text(folder / "again.vcf");
  EXPECT_EQ(out.find("old"), std::string::npos);
  EXPECT_EQ(out.find("SCORE,Number=1"), std::string::npos);
  EXPECT_EQ(first_difference(out, again), "") << "a second run changes nothing";
  annotate(folder / "o.vcf", options_for(folder / "o.bcf"));
  annotate(folder / "o.bcf", options_for(folder / "back.vcf"));
  EXPECT_EQ(lines_of(read_text(folder / "back.vcf"), false), lines_of(out, false));
}

TEST(VariantWriter, SamplesFiltersAndOddRecordsPass) {
  const TempFolder folder;
  const std::string header =
      "##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=\"All filters passed\">\n"
      "##FILTER=<ID=q10,Description=\"x\">\n##contig=<ID=z,length=1000>\n"
      "##INFO=<ID=DB,Number=0,Type=Flag,Description=\"x\">\n"
      "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">\n"
      "##FORMAT=<ID=GL,Number=G,Type=Float,Description=\"x\">\n"
      "##FORMAT=<ID=NT,Number=1,Type=String,Description=\"x\">\n";
  const Strings records = {
      "z\t9\trs1;rs2\tA\tC,<DEL>\t31.5\tPASS\tDB\tGT:GL:NT\t0|1:-1.5,0,.:ab\t./.:.:.",
      "z\t3\t.\tacgt\tA\t.\tq10\t.\tGT\t1\t0/2", "z\t3\t.\tA\t.\t0\t.\t.\tGT\t.\t0",
      "z\t3\t.\tA\t*\t.\tPASS\tDB\t.\t.\t.", "z\t0\t.\tN\t]z:5]N\t.\tPASS\tDB\tNT\tx\ty"};
  support::write_text(folder / "in.vcf",
                      header + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb b\n" +
                          core::join(records, "\n") + "\n");
  annotate(folder / "in.vcf", options_for(folder / "o.vcf"));
  annotate(folder / "in.vcf", options_for(folder / "o.bcf"));
  annotate(folder / "o.bcf", options_for(folder / "back.vcf"));
  const Strings after = lines_of(read_text(folder / "o.vcf"), false);
  ASSERT_EQ(after.size(), records.size());
  const Strings added = {"SCORE=0.5,.;STATUS=OK,SYMBOLIC", "SCORE=1;STATUS=OK",
                         "SCORE=.;STATUS=SYMBOLIC", "SCORE=1.5;STATUS=OK", "SCORE=2;STATUS=OK"};
  for (std::size_t i = 0; i < records.size(); ++i) {
    Strings fields = core::split(records[i], '\t');
    fields[7] = fields[7] == "." ? added[i] : fields[7] + ";" + added[i];
    EXPECT_EQ(after[i], core::join(fields, "\t"));
  }
  EXPECT_EQ(lines_of(read_text(folder / "back.vcf"), false), after);
}

/// small.vcf without its contig line.
std::string without_contig_line() {
  std::string text = read_text(kData + "/small.vcf");
  const std::size_t at = text.find("##contig");
  return text.erase(at, text.find('\n', at) + 1 - at);
}

TEST(VariantWriter, ContigLinesAreAddedFromTheReference) {
  const TempFolder folder;
  support::write_text(folder / "in.vcf", without_contig_line());
  const std::string line = "##contig=<ID=z,length=50000>";
  for (const char* name : {"o.vcf", "o.bcf"}) {
    VariantWriterOptions options = options_for(folder / name);
    options.contigs = {{"z", 50000}, {"y", 7}};
    annotate(folder / "in.vcf", options);
  }
  const std::string out = read_text(folder / "o.vcf");
  EXPECT_TRUE(has_line(out, line) && has_line(out, "##contig=<ID=y,length=7>"));
  annotate(folder / "o.bcf", options_for(folder / "back.vcf"));
  EXPECT_EQ(first_difference(read_text(folder / "back.vcf"), out), "");
  // A line that is there stays; one without length gets it; another name of it counts as it.
  const auto header_with = [&](const std::string& contig_line, const std::string& name) {
    std::string text = read_text(kData + "/small.vcf");
    text.replace(text.find(line), line.size(), contig_line);
    support::write_text(folder / "in2.vcf", text);
    VariantWriterOptions options = options_for(folder / "o2.vcf");
    options.contigs = {{name, 50000}};
    annotate(folder / "in2.vcf", options);
    return read_text(folder / "o2.vcf");
  };
  EXPECT_TRUE(has_line(header_with("##contig=<ID=z,length=3>", "z"), "##contig=<ID=z,length=3>"));
  EXPECT_TRUE(has_line(header_with("##contig=<ID=z>", "z"), line));
  EXPECT_EQ(header_with(line, "chrz").find("chrz"), std::string::npos);
}

TEST(VariantWriter, ContigsKnownNowherePassInVcfButNotInBcf) {
  const TempFolder folder;
  support::write_text(folder / "in.vcf", without_contig_line());
  for (const int ahead : {1, 50}) {
    annotate(folder / "in.vcf", options_for(folder / "o.vcf"), ahead);
    EXPECT_EQ(lines_of(read_text(folder / "o.vcf"), false).size(), 200u);
    EXPECT_EQ(read_text(folder / "o.vcf").find("##contig"), std::string::npos);
    EXPECT_THAT([&] { annotate(folder / "in.vcf", options_for(folder / "o.bcf"), ahead); },
                throws_data_error("z:10", "contig 'z'", "VCF", "##contig"));
    EXPECT_FALSE(fs::exists(folder / "o.bcf"));
  }
}

TEST(VariantWriter, TagsKnownNowherePassInVcfButNotInBcf) {
  const TempFolder folder;
  const std::string header = "##fileformat=VCFv4.2\n##contig=<ID=z>\n";
  const auto input = [&](const std::string& filter, const std::string& info,
                         const std::string& format) {
    support::write_text(folder / "in.vcf",
                        header + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n" +
                            "z\t4\t.\tA\tC\t.\t" + filter + "\t" + info + "\t" + format + "\t1\n");
    return [&] { annotate(folder / "in.vcf", options_for(folder / "o.bcf")); };
  };
  EXPECT_THAT(input("low", ".", "."), throws_data_error("z:4", "filter 'low'", "##FILTER"));
  EXPECT_THAT(input(".", "TAG=1", "."), throws_data_error("z:4", "INFO 'TAG'", "##INFO"));
  EXPECT_THAT(input(".", ".", "QQ"), throws_data_error("z:4", "FORMAT 'QQ'", "##FORMAT"));
  input("low", "TAG=1", "QQ");
  annotate(folder / "in.vcf", options_for(folder / "o.vcf"));
  EXPECT_EQ(lines_of(read_text(folder / "o.vcf"), false),
            Strings{"z\t4\t.\tA\tC\t.\tlow\tTAG=1;SCORE=0.5;STATUS=OK\tQQ\t1"});
}

TEST(VariantWriter, NumbersThatAreNoneAreMissing) {
  const TempFolder folder;
  VariantReader reader(kData + "/small.vcf", {}, 1);
  VariantWriter writer(reader, options_for(folder / "o.vcf"));
  VariantRecord record;
  for (const float value : {NAN, INFINITY, -INFINITY, -0.25f}) {
    ASSERT_TRUE(reader.next(record));
    ASSERT_EQ(record.alts().size(), 1u);
    record.set_info_floats("SCORE", {7.0f});
    record.set_info_floats("SCORE", {value});  // the last one counts
    writer.write(record);
  }
  EXPECT_THROW(record.set_info_floats("SCORE", {1.0f, 2.0f}), std::logic_error);
  EXPECT_THROW(record.set_info_strings("STATUS", {"a;b"}), std::logic_error);
  writer.commit();
  Strings scores;
  for (const std::string& line : lines_of(read_text(folder / "o.vcf"), false)) {
    scores.push_back(line.substr(line.find("SCORE=")));
  }
  EXPECT_EQ(scores, (Strings{"SCORE=.", "SCORE=.", "SCORE=.", "SCORE=-0.25"}));
}

}  // namespace
}  // namespace dnabird::io
