#include "io/intervals.h"

#include <gtest/gtest.h>

#include "io/contig_names.h"
#include "io/region_set.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {

void PrintTo(const Interval& i, std::ostream* out) {
  *out << i.contig << "[" << i.begin << "," << i.end << ")" << i.name << i.strand;
}

namespace {

using support::TempFolder;
using support::throws_data_error;
using support::throws_usage_error;
using Intervals = std::vector<Interval>;

Interval region(const std::string& contig, std::int64_t begin, std::int64_t end) {
  return {contig, begin, end, "", '.'};
}

TEST(ParseRegions, EveryWriting) {
  EXPECT_EQ(parse_regions("chr1"), Intervals{region("chr1", 0, kToEnd)});
  EXPECT_EQ(parse_regions("chr1:1001-2000"), Intervals{region("chr1", 1000, 2000)});
  EXPECT_EQ(parse_regions("chr1:1001"), Intervals{region("chr1", 1000, 1001)});
  EXPECT_EQ(parse_regions("chr1:1001-"), Intervals{region("chr1", 1000, kToEnd)});
  EXPECT_EQ(parse_regions("1:1,234,567-2,000,000"), Intervals{region("1", 1234566, 2000000)});
  EXPECT_EQ(parse_regions("a:5-6,b,c:7,d"), (Intervals{region("a", 4, 6), region("b", 0, kToEnd),
                                                       region("c", 6, 7), region("d", 0, kToEnd)}));
  EXPECT_EQ(parse_regions("a:1,000-2,000,20,21:3"),
            (Intervals{region("a", 999, 2000), region("20", 0, kToEnd), region("21", 2, 3)}));
}

TEST(ParseRegions, NamesThePartThatIsNone) {
  for (const char* bad : {"", "chr1:0-5", "chr1:9-5", "chr1:x", "chr1:1-x", ":1-2", "chr1:"}) {
    EXPECT_THAT([&] { parse_regions(bad); },
                throws_usage_error(std::string(bad) + "' is not a region"));
  }
  EXPECT_THAT([&] { parse_regions("chr1:1-2,chr2:b,chr3"); }, throws_usage_error("'chr2:b'"));
}

class Bed : public testing::Test {
 protected:
  Intervals of(const std::string& text) {
    support::write_text(path_, text);
    return read_bed(path_);
  }
  TempFolder folder_;
  std::string path_ = folder_ / "x.bed";
};

TEST_F(Bed, Columns) {
  EXPECT_EQ(
      of("# comment\ntrack name=x\nbrowser y\nz\t10\t20\n\nz\t5\t5\tname\nq\t1\t2\tn\t7\t-\tx\n"),
      (Intervals{region("z", 10, 20), {"z", 5, 5, "name", '.'}, {"q", 1, 2, "n", '-'}}));
  EXPECT_EQ(of("z  10 20 a\n"), (Intervals{{"z", 10, 20, "a", '.'}}));
  EXPECT_EQ(of("z\t10\t20\r\n"), (Intervals{region("z", 10, 20)}));
}

TEST_F(Bed, Malformed) {
  EXPECT_THAT([&] { of("z\t1\t2\nz\t1\n"); }, throws_data_error(path_, "line 2"));
  EXPECT_THAT([&] { of("z\tx\t2\n"); }, throws_data_error(path_, "line 1", "'x'"));
  EXPECT_THAT([&] { of("z\t3\t2\n"); }, throws_data_error(path_, "line 1"));
  EXPECT_THAT([&] { of("z\t-3\t2\n"); }, throws_data_error(path_, "line 1"));
  EXPECT_THAT([&] { of("z\t1\t2\tn\t0\t*\n"); }, throws_data_error(path_, "strand", "'*'"));
  EXPECT_THAT([&] { read_bed(folder_ / "no"); }, throws_data_error("No such file"));
}

TEST_F(Bed, RegionFilesAreBedByNameElseCountedFromOne) {
  support::write_text(folder_ / "r.bed", "z\t10\t20\n");
  support::write_text(folder_ / "r.tsv", "# x\nz\t11\t20\nz\t30\n");
  const RegionSet bed("", folder_ / "r.bed"), tab("", folder_ / "r.tsv");
  EXPECT_EQ(bed.by_contig().at("z"), Intervals{region("z", 10, 20)});
  EXPECT_EQ(tab.by_contig().at("z"), (Intervals{region("z", 10, 20), region("z", 29, 30)}));
  support::write_text(folder_ / "bad.tsv", "z\t0\t20\n");
  EXPECT_THAT([&] { RegionSet("", folder_ / "bad.tsv"); }, throws_data_error("bad.tsv", "line 1"));
  support::write_text(folder_ / "none.tsv", "# only a comment\n");
  EXPECT_THAT([&] { RegionSet("", folder_ / "none.tsv"); }, throws_data_error("no region"));
}

TEST(RegionSet, SortsMergesAndAnswers) {
  const RegionSet set("z:21-30,z:1-10,z:5-12,z:13-14,q", "");
  EXPECT_EQ(set.by_contig().at("z"), (Intervals{region("z", 0, 14), region("z", 20, 30)}));
  // Against the definition, base by base.
  for (int begin = 0; begin < 35; ++begin) {
    for (int end = begin + 1; end <= 35; ++end) {
      bool expected = false;
      for (int i = begin; i < end; ++i) expected |= i < 14 || (i >= 20 && i < 30);
      EXPECT_EQ(set.overlaps("z", begin, end), expected) << begin << " " << end;
    }
  }
  EXPECT_TRUE(set.overlaps("q", 1000000, 1000001));
  EXPECT_TRUE(set.overlaps("chrq", 1, 2)) << "another name of the contig";
  EXPECT_FALSE(set.overlaps("r", 1, 2));
  EXPECT_TRUE(RegionSet().is_empty());
}

TEST(ContigNames, Aliases) {
  EXPECT_EQ(contig_aliases("chr1"), std::vector<std::string>{"1"});
  EXPECT_EQ(contig_aliases("1"), std::vector<std::string>{"chr1"});
  EXPECT_EQ(contig_aliases("chrX"), std::vector<std::string>{"X"});
  EXPECT_EQ(contig_aliases("MT"), (std::vector<std::string>{"chrM", "M", "chrMT"}));
  EXPECT_EQ(contig_aliases("chrM"), (std::vector<std::string>{"MT", "M", "chrMT"}));
  EXPECT_EQ(contig_aliases("chr"), std::vector<std::string>{"chrchr"});
}

}  // namespace
}  // namespace dnabird::io
