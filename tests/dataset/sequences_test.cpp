#include "data/sequences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/bases.h"
#include "seq/alphabet.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::data {
namespace {

using support::throws_data_error;

class Sequences : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    support::write_text(folder_ / name, text);
    return folder_ / name;
  }
  /// "name bases" of each sequence.
  static std::vector<std::string> read(const std::string& path) {
    std::vector<std::string> lines;
    for (const io::NamedSequence& s : read_sequences(path)) lines.push_back(s.name + " " + s.bases);
    return lines;
  }
  support::TempFolder folder_;
};

TEST_F(Sequences, OfFastaFastqAndCsv) {
  using ::testing::ElementsAre;
  EXPECT_THAT(read(file("a.fa", ">x y\nACgu\nRN\n>z\nA\n")), ElementsAre("x ACGTNN", "z A"));
  EXPECT_THAT(read(file("a.fq", "@x\nACGT\n+\nIIII\n")), ElementsAre("x ACGT"));
  EXPECT_THAT(read(file("a.csv", "label,sequence\n1,acgur\n\n0,A\n")),
              ElementsAre("line_2 ACGTN", "line_4 A"));
  EXPECT_THAT(read(support::test_data_folder() + "/small.fa.gz"),
              ElementsAre(::testing::StartsWith("z ")));
}

TEST_F(Sequences, KindShowsInTheFirstCharacter) {
  EXPECT_TRUE(is_fasta(file("a", "\n  >x\nA\n")));
  EXPECT_TRUE(is_fasta(file("b", "@x\nA\n+\nI\n")));
  EXPECT_FALSE(is_fasta(file("c", "sequence\nA\n")));
  EXPECT_TRUE(is_fasta("-"));
  EXPECT_THAT([&] { is_fasta(file("d", "\n\n")); }, throws_data_error("d' is empty"));
  EXPECT_THAT([&] { is_fasta(folder_ / "absent"); }, throws_data_error("absent"));
}

TEST_F(Sequences, RefusedFilesAreNamed) {
  const auto reading = [&](const std::string& text) {
    return [this, text] { read_sequences(file("x.csv", text)); };
  };
  EXPECT_THAT(reading(""), throws_data_error("x.csv"));
  EXPECT_THAT(reading("sequence\n"), throws_data_error("x.csv", "no sequence"));
  EXPECT_THAT(reading("seq\nA\n"), throws_data_error("x.csv", "'sequence'"));
  EXPECT_THAT(reading("sequence\nA\nA1\n"), throws_data_error("x.csv' line 3", "'1'"));
  EXPECT_THAT(reading("sequence,a\nA,1\n,2\n"), throws_data_error("x.csv' line 3", "empty"));
}

TEST(NormalizedBases, AreTheSameInIoAndSeq) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string read = all;
  io::normalize_bases(read);
  EXPECT_EQ(read, seq::normalize(all));
}

}  // namespace
}  // namespace dnabird::data
