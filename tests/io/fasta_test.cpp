#include "io/fasta.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "io/output_file.h"
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
using Names = std::vector<std::string>;

const std::string kData = support::test_data_folder();

TEST(Fasta, PlainAndBgzipGiveTheSame) {
  SequenceReader reader(kData + "/small.fa");
  NamedSequence whole;
  ASSERT_TRUE(reader.next(whole));
  for (const char* name : {"/small.fa", "/small.fa.gz"}) {
    const Fasta fasta(kData + name);
    EXPECT_EQ(fasta.contigs(), Names{"z"});
    EXPECT_EQ(fasta.length("z"), 50000);
    EXPECT_EQ(fasta.fetch("z", 0, 50000), whole.bases);
    for (const int begin : {0, 1, 59, 60, 61, 12345, 49999}) {
      const int n = std::min(130, 50000 - begin);
      EXPECT_EQ(fasta.fetch("z", begin, begin + n), whole.bases.substr(begin, n)) << begin;
    }
  }
}

class SmallFasta : public testing::Test {
 protected:
  void SetUp() override {
    support::write_text(path_, ">chr1 first\nACGTRacgtn\nUU\n>MT\nTTTT\n>scaffold|2\nG\n");
  }
  TempFolder folder_;
  std::string path_ = folder_ / "x.fa";
};

TEST_F(SmallFasta, OutsideOfTheContigIsN) {
  const Fasta fasta(path_);
  EXPECT_EQ(fasta.fetch("chr1", 0, 12), "ACGTNACGTNTT");
  EXPECT_EQ(fasta.fetch("chr1", -3, 2), "NNNAC");
  EXPECT_EQ(fasta.fetch("chr1", 10, 15), "TTNNN");
  EXPECT_EQ(fasta.fetch("chr1", -2, 14), "NNACGTNACGTNTTNN");
  EXPECT_EQ(fasta.fetch("chr1", -9, -5), "NNNN");
  EXPECT_EQ(fasta.fetch("chr1", 100, 103), "NNN");
  EXPECT_EQ(fasta.fetch("chr1", 4, 4), "");
}

TEST_F(SmallFasta, RawBasesKeepCodesAndAreClipped) {
  const Fasta fasta(path_);
  EXPECT_EQ(fasta.fetch_raw("chr1", -5, 100), "ACGTRACGTNUU");
  EXPECT_EQ(fasta.fetch_raw("chr1", 4, 6), "RA");
  EXPECT_EQ(fasta.fetch_raw("chr1", 12, 20), "");
  EXPECT_EQ(fasta.fetch_raw("chr1", -5, 0), "");
}

TEST_F(SmallFasta, NamesAndAliases) {
  const Fasta fasta(path_);
  EXPECT_EQ(fasta.contigs(), (Names{"chr1", "MT", "scaffold|2"}));
  EXPECT_EQ(fasta.resolve("chr1"), "chr1");
  EXPECT_EQ(fasta.resolve("1"), "chr1");
  for (const char* name : {"chrM", "M", "MT", "chrMT"}) EXPECT_EQ(fasta.resolve(name), "MT");
  EXPECT_EQ(fasta.resolve("chr2"), std::nullopt);
  EXPECT_EQ(fasta.resolve("scaffold|2"), "scaffold|2");
  EXPECT_THAT([&] { fasta.length("chr2"); }, throws_data_error(path_, "'chr2'"));
  EXPECT_THAT([&] { fasta.fetch("chr2", 0, 1); }, throws_data_error(path_, "'chr2'"));
}

TEST_F(SmallFasta, TheExactNameGoesFirst) {
  support::write_text(path_, ">1\nA\n>chr1\nC\n");
  const Fasta fasta(path_);
  EXPECT_EQ(fasta.fetch(*fasta.resolve("1"), 0, 1), "A");
  EXPECT_EQ(fasta.fetch(*fasta.resolve("chr1"), 0, 1), "C");
}

TEST_F(SmallFasta, MakesTheIndexBeside) {
  { const Fasta fasta(path_); }
  EXPECT_EQ(folder_.names(), (Names{"x.fa", "x.fa.fai"}));
  EXPECT_EQ(read_text(path_ + ".fai"),
            "chr1\t12\t12\t10\t11\nMT\t4\t30\t4\t5\nscaffold|2\t1\t47\t1\t2\n");
  TextOutput out(folder_ / "y.fa.gz");
  out.write(read_text(path_));
  out.commit();
  const Fasta fasta(folder_ / "y.fa.gz");
  EXPECT_EQ(fasta.fetch("MT", 0, 4), "TTTT");
  EXPECT_EQ(read_text(folder_ / "y.fa.gz.fai"), read_text(path_ + ".fai"));
  EXPECT_EQ(folder_.names(), (Names{"x.fa", "x.fa.fai", "y.fa.gz", "y.fa.gz.fai", "y.fa.gz.gzi"}));
}

TEST_F(SmallFasta, FolderThatCannotBeWrittenTo) {
  for (const char* source : {"/small.fa", "/small.fa.gz"}) {
    const TempFolder folder, temporary;
    fs::copy(kData + source, folder / "x.fa");
    using fs::perms;
    fs::permissions(folder.path(), perms::owner_read | perms::owner_exec | perms::others_read |
                                       perms::others_exec);
    fs::permissions(temporary.path(), perms::all);
    const auto child = support::run_in_child([&]() -> std::string {
      if (!support::become_nobody()) return "stays root";
      setenv("TMPDIR", temporary.path().c_str(), 1);
      const Fasta fasta(folder / "x.fa");
      return fasta.fetch("z", 0, 5) + std::to_string(temporary.names().size());
    });
    if (child.said == "stays root") GTEST_SKIP() << "cannot give up root's rights here";
    EXPECT_EQ(child.said, "TGGGA0") << "and the temporary folder is empty again";
    EXPECT_EQ(folder.names(), Names{"x.fa"});
  }
}

TEST_F(SmallFasta, StaleIndexIsNamedAndUsed) {
  { const Fasta fasta(path_); }
  fs::last_write_time(path_ + ".fai", fs::last_write_time(path_) - std::chrono::hours(1));
  testing::internal::CaptureStderr();
  const Fasta fasta(path_);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("x.fa.fai' is older than its FASTA"), std::string::npos) << said;
  EXPECT_EQ(fasta.fetch("MT", 0, 4), "TTTT");
}

TEST_F(SmallFasta, IndexOfAnotherFile) {
  support::write_text(path_ + ".fai", "chr1\t500\t12\t10\t11\n");
  const Fasta longer(path_);
  EXPECT_THAT([&] { longer.fetch("chr1", 300, 310); },
              throws_data_error("chr1:301-310", path_, "index"));
  support::write_text(path_ + ".fai", "chr1\t40\t12\t40\t41\n");  // reads on into the next header
  const Fasta shifted(path_);
  EXPECT_THAT([&] { shifted.fetch("chr1", 5, 25); }, throws_data_error("chr1:6-25", "index"));
  support::write_text(path_ + ".fai", "not an index\n");
  EXPECT_THAT([&] { Fasta fasta(path_); }, throws_data_error(path_ + ".fai", "delete it"));
}

TEST_F(SmallFasta, SeveralThreadsMayFetch) {
  const Fasta fasta(kData + "/small.fa.gz");
  const std::string whole = fasta.fetch("z", 0, 50000);
  int wrong[2] = {0, 0};
  const auto work = [&](int id) {
    for (int i = 0; i < 300; ++i) {
      const int at = (i * 7919 + id * 25000) % 49000;
      wrong[id] += fasta.fetch("z", at, at + 1000) != whole.substr(at, 1000);
    }
  };
  std::thread first(work, 0), second(work, 1);
  first.join();
  second.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0);
}

TEST_F(SmallFasta, FilesThatAreNone) {
  const auto opening = [](const std::string& path) { return [path] { Fasta fasta(path); }; };
  EXPECT_THAT(opening(folder_ / "no.fa"), throws_data_error("no.fa", "No such file"));
  EXPECT_THAT(opening(folder_.path()), throws_data_error("directory"));
  EXPECT_THAT(opening("-"), throws_data_error("standard input"));
  support::write_text(folder_ / "empty.fa", "");
  EXPECT_THAT(opening(folder_ / "empty.fa"), throws_data_error("empty.fa", "is empty"));
  support::write_text(folder_ / "t.csv", "sequence,label\n");
  EXPECT_THAT(opening(folder_ / "t.csv"), throws_data_error("t.csv", "must begin with >"));
  gzFile gz = gzopen((folder_ / "g.fa.gz").c_str(), "w");
  gzputs(gz, ">a\nACGT\n");
  gzclose(gz);
  EXPECT_THAT(opening(folder_ / "g.fa.gz"), throws_data_error("g.fa.gz", "gzip", "bgzip"));
  support::write_text(folder_ / "ragged.fa", ">a\nACGT\nAC\nACGT\n");
  EXPECT_THAT(opening(folder_ / "ragged.fa"), throws_data_error("ragged.fa", "differ in length"));
  EXPECT_EQ(folder_.names(), (Names{"empty.fa", "g.fa.gz", "ragged.fa", "t.csv", "x.fa"}));
}

TEST_F(SmallFasta, TruncatedBgzip) {
  const std::string whole = read_text(kData + "/small.fa.gz");
  for (const std::size_t cut : {1u, 28u, 29u, 5000u}) {
    support::write_text(folder_ / "cut.fa.gz", whole.substr(0, whole.size() - cut));
    EXPECT_THAT([&] { Fasta fasta(folder_ / "cut.fa.gz"); },
                throws_data_error("cut.fa.gz", "truncated"));
  }
}

}  // namespace
}  // namespace dnabird::io
