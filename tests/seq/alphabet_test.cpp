#include "seq/alphabet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace dnabird::seq {
namespace {

// The bases of each IUPAC code (NC-IUB 1984).
const std::map<char, std::string> kIupac = {
    {'A', "A"},   {'C', "C"},   {'G', "G"},   {'T', "T"},   {'U', "T"},  {'R', "AG"},
    {'Y', "CT"},  {'S', "CG"},  {'W', "AT"},  {'K', "GT"},  {'M', "AC"}, {'B', "CGT"},
    {'D', "AGT"}, {'H', "ACT"}, {'V', "ACG"}, {'N', "ACGT"}};
const std::string kNone = "EFIJLOPQXZ-*.@ 1\t\xff";

char lower(char letter) { return static_cast<char>(letter - 'A' + 'a'); }

TEST(Alphabet, CodesAreInTheOrderOfDnabert) {
  EXPECT_EQ(base_code('A'), 0);
  EXPECT_EQ(base_code('T'), 1);
  EXPECT_EQ(base_code('C'), 2);
  EXPECT_EQ(base_code('G'), 3);
  int known = 0;
  for (int c = -128; c < 128; ++c) {
    const char letter = static_cast<char>(c);
    known += base_code(letter) >= 0;
    EXPECT_EQ(is_acgt(letter), base_code(letter) >= 0);
  }
  EXPECT_EQ(known, 8);
  for (const char letter : std::string("ACGT")) {
    EXPECT_EQ(base_code(letter), base_code(lower(letter)));
  }
}

TEST(Alphabet, ComplementIsThatOfTheSetOfBases) {
  const std::map<char, char> pairs = {{'A', 'T'}, {'T', 'A'}, {'C', 'G'}, {'G', 'C'}};
  for (const auto& [code, bases] : kIupac) {
    std::string paired;
    for (const char base : bases) paired += pairs.at(base);
    std::sort(paired.begin(), paired.end());
    EXPECT_EQ(kIupac.at(complement(code)), paired) << code;
    EXPECT_EQ(complement(lower(code)), complement(code)) << code;
  }
  for (const char letter : kNone) EXPECT_EQ(complement(letter), 'N');
  EXPECT_EQ(complement('N'), 'N');
}

TEST(Alphabet, IncludesIsTheSubsetOfBases) {
  for (const auto& [code, bases] : kIupac) {
    for (const auto& [other, others] : kIupac) {
      const bool subset = std::includes(bases.begin(), bases.end(), others.begin(), others.end());
      EXPECT_EQ(iupac_includes(code, other), subset) << code << other;
      EXPECT_EQ(iupac_includes(lower(code), other), subset) << code << other;
    }
    for (const char letter : kNone) {
      EXPECT_FALSE(iupac_includes(code, letter));
      EXPECT_FALSE(iupac_includes(letter, code));
    }
  }
}

TEST(Alphabet, NormalizeLeavesOnlyFiveLetters) {
  EXPECT_EQ(normalize("ACGTacgtUuNnRyKm-*.x"), "ACGTACGTTTNNNNNNNNNN");
  EXPECT_EQ(normalize(""), "");
  EXPECT_EQ(normalize(std::string_view("A\0\xff", 3)), "ANN");
}

TEST(Alphabet, ReverseComplement) {
  EXPECT_EQ(reverse_complement("AACCGT"), "ACGGTT");
  EXPECT_EQ(reverse_complement("acgtNR-"), "NYNACGT");
  EXPECT_EQ(reverse_complement(""), "");
  const std::string all = "ACGTRYSWKMBDHVN";
  EXPECT_EQ(reverse_complement(reverse_complement(all)), all);
}

TEST(Alphabet, UnknownFraction) {
  EXPECT_EQ(unknown_fraction(""), 0);
  EXPECT_EQ(unknown_fraction("acgtACGT"), 0);
  EXPECT_EQ(unknown_fraction("NNNN"), 1);
  EXPECT_DOUBLE_EQ(unknown_fraction("ANRT"), 0.5);
}

}  // namespace
}  // namespace dnabird::seq
