#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "io/bases.h"
#include "io/fasta.h"
#include "io/output_file.h"
#include "support/child.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::io {
namespace {

using support::TempFolder;
using support::throws_data_error;

const std::string kData = support::test_data_folder();

class Sequences : public testing::Test {
 protected:
  /// "name:bases" of each sequence, blank separated.
  static std::string of_file(const std::string& path) {
    SequenceReader reader(path);
    std::string all;
    for (NamedSequence s; reader.next(s);) all += (all.empty() ? "" : " ") + s.name + ":" + s.bases;
    return all;
  }
  std::string of_text(const std::string& text) {
    support::write_text(path_, text);
    return of_file(path_);
  }
  TempFolder folder_;
  std::string path_ = folder_ / "x.fa";
};

TEST_F(Sequences, FastaWithWrappedLines) {
  EXPECT_EQ(of_text(">a first one\nACG\nTA\n\n>b\tc\nGG\n>empty\n>d\nT"),
            "a:ACGTA b:GG empty: d:T");
  EXPECT_EQ(of_text("\n>a\r\nAC GT\r\nA\r\n"), "a:ACGTA") << "line ends of Windows, blanks";
}

TEST_F(Sequences, BasesAreNormalised) { EXPECT_EQ(of_text(">a\nacgtuRyN-*n\n"), "a:ACGTTNNNNNN"); }

TEST_F(Sequences, Fastq) {
  EXPECT_EQ(of_text("@r1 x\nACGT\n+\nIIII\n@r2\nAC\nGT\n+r2\n@>\n+I\n"), "r1:ACGT r2:ACGT");
  EXPECT_THAT([&] { of_text("@r1\nACGT\n+\nIII"); }, throws_data_error(path_, "'r1'", "qualities"));
  EXPECT_THAT([&] { of_text("@r1\nACGT\n"); }, throws_data_error(path_, "'r1'", "qualities"));
  EXPECT_THAT([&] { of_text("@r1\nACGT\n+\nIIIII\n"); }, throws_data_error(path_, "line 4"));
}

TEST_F(Sequences, RealFileInEveryCompression) {
  const std::string plain = of_file(kData + "/small.fa");
  EXPECT_EQ(plain.size(), 50002u);
  EXPECT_EQ(plain.substr(0, 22), "z:TGGGAGAGAACTGGAACAAG");
  EXPECT_EQ(of_file(kData + "/small.fa.gz"), plain);
  gzFile gz = gzopen(path_.c_str(), "w");
  gzputs(gz, support::read_text(kData + "/small.fa").c_str());
  gzclose(gz);
  EXPECT_EQ(of_file(path_), plain);
}

TEST_F(Sequences, StandardInput) {
  for (const char* name : {"/small.fa", "/small.fa.gz"}) {
    const auto child = support::run_in_child([&] {
      dup2(open((kData + name).c_str(), O_RDONLY), STDIN_FILENO);
      return std::to_string(of_file("-").size());
    });
    EXPECT_EQ(child.said, "50002") << name;
  }
}

TEST_F(Sequences, TruncatedBgzip) {
  const std::string whole = support::read_text(kData + "/small.fa.gz");
  for (std::size_t cut : {1u, 27u, 28u, 29u, 5000u}) {  // 28 bytes: exactly the end mark
    support::write_text(path_, whole.substr(0, whole.size() - cut));
    EXPECT_THAT([&] { of_file(path_); }, throws_data_error(path_, "truncated")) << cut;
    const auto child = support::run_in_child([&] {
      const std::string cat = "cat " + path_;
      FILE* pipe = popen(cat.c_str(), "r");
      dup2(fileno(pipe), STDIN_FILENO);
      return of_file("-");
    });
    EXPECT_NE(child.said.find("truncated"), std::string::npos) << cut << child.said.substr(0, 99);
  }
}

TEST_F(Sequences, NotAFasta) {
  EXPECT_THAT([&] { of_text("sequence,label\nACGT,1\n"); },
              throws_data_error(path_, "line 1", ">"));
  EXPECT_THAT([&] { of_text(">a\nAC,GT\n"); }, throws_data_error(path_, "line 2"));
  EXPECT_THAT([&] { of_text(""); }, throws_data_error(path_, "empty"));
  EXPECT_THAT([&] { of_text("\n\n"); }, throws_data_error(path_, "no sequence"));
  EXPECT_THAT([&] { of_text("> \nACGT\n"); }, throws_data_error(path_, "without a name"));
  EXPECT_THAT([&] { of_file(folder_ / "no"); }, throws_data_error("no'", "No such file"));
  EXPECT_THAT([&] { of_file(folder_.path()); }, throws_data_error("directory"));
}

TEST(Bases, EveryByte) {
  for (int c = 0; c < 256; ++c) {
    std::string base(1, static_cast<char>(c));
    normalize_bases(base);
    const std::string from = "acgtuACGTU", to = "ACGTTACGTT";
    const std::size_t at = from.find(static_cast<char>(c));
    EXPECT_EQ(base[0], at == std::string::npos ? 'N' : to[at]) << c;
  }
}

}  // namespace
}  // namespace dnabird::io
