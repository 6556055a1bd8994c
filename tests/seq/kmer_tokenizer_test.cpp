#include "seq/kmer_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "core/rng.h"
#include "support/errors.h"
#include "support/test_data.h"

namespace dnabird::seq {
namespace {

using support::throws_data_error;
using support::throws_usage_error;
using ::testing::ElementsAre;

const std::vector<std::pair<int, int>> kShapes = {{1, 1}, {2, 1}, {2, 2}, {3, 1}, {3, 3}, {4, 1},
                                                  {5, 5}, {6, 1}, {6, 6}, {7, 1}, {8, 1}, {8, 8}};

std::string random_bases(std::int64_t n, core::Rng& rng, const std::string& letters = "ACGT") {
  std::string bases;
  for (std::int64_t i = 0; i < n; ++i) bases += letters[rng.below(letters.size())];
  return bases;
}

/// The id of a k-mer by the definition: k-mers in the order A T C G behind five special tokens.
std::int32_t id_of(const std::string& kmer) {
  std::int32_t id = 0;
  for (const char letter : kmer) {
    const std::size_t code = std::string("ATCG").find(letter);
    if (code == std::string::npos) return kUnknown;
    id = 4 * id + static_cast<std::int32_t>(code);
  }
  return kSpecialTokens + id;
}

TEST(KmerTokenizer, IdsByHand) {
  // DNABERT: vocab.txt of k = 3 lists AAA 5, AAT 6, AAC 7, AAG 8, ATA 9, ..., GGG 68.
  EXPECT_THAT(KmerTokenizer(3, 1).encode("AAATG"), ElementsAre(2, 5, 6, 12, 3));
  EXPECT_THAT(KmerTokenizer(3, 1).encode("GGGa"), ElementsAre(2, 68, 65, 3));
  EXPECT_THAT(KmerTokenizer(3, 1).encode("AANAAA"), ElementsAre(2, 1, 1, 1, 5, 3));
  EXPECT_THAT(KmerTokenizer(3, 3).encode("AAAGGGTT"), ElementsAre(2, 5, 68, 3));
  EXPECT_THAT(KmerTokenizer(1, 1).encode("ATCGatcgNR"),
              ElementsAre(2, 5, 6, 7, 8, 5, 6, 7, 8, 1, 1, 3));
  EXPECT_THAT(KmerTokenizer(6, 1).encode("GGGGGG"), ElementsAre(2, 4100, 3));
  EXPECT_THAT(KmerTokenizer(6, 1).encode("GGGGG"), ElementsAre(2, 3));
  EXPECT_THAT(KmerTokenizer(6, 1).encode(""), ElementsAre(2, 3));
}

TEST(KmerTokenizer, VocabularyIsThatOfDnabert) {
  std::ifstream file(support::test_data_folder() + "/parity/dnabert_k3_vocab.txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 69u);
  EXPECT_EQ(KmerTokenizer(3, 1).vocabulary(), lines);
  const KmerTokenizer tokenizer = KmerTokenizer::from_vocabulary(lines, 3);
  EXPECT_EQ(tokenizer.k(), 3);
  EXPECT_EQ(tokenizer.stride(), 3);
}

TEST(KmerTokenizer, EncodesEachKmerByItsOwn) {
  core::Rng rng(1);
  for (const auto& [k, stride] : kShapes) {
    const KmerTokenizer tokenizer(k, stride);
    for (const std::int64_t n : {0, 1, 2, 5, 8, 9, 30, 61}) {
      const std::string bases = random_bases(n, rng, "ACGTACGTACGTN");
      std::vector<std::int32_t> expected = {kCls};
      for (std::int64_t i = 0; i + k <= n; i += stride)
        expected.push_back(id_of(bases.substr(i, k)));
      expected.push_back(kSep);
      EXPECT_EQ(tokenizer.encode(bases), expected) << k << ' ' << stride << ' ' << bases;
      EXPECT_EQ(tokenizer.n_tokens(n), static_cast<std::int64_t>(expected.size()));
    }
  }
}

TEST(KmerTokenizer, VocabularyRoundTrip) {
  for (const auto& [k, stride] : kShapes) {
    const KmerTokenizer tokenizer(k, stride);
    const std::vector<std::string> lines = tokenizer.vocabulary();
    ASSERT_EQ(static_cast<std::int32_t>(lines.size()), tokenizer.vocabulary_size());
    ASSERT_EQ(lines.size(), 5 + (std::size_t{1} << (2 * k)));
    for (std::size_t id = 5; id < lines.size(); id += 1 + lines.size() / 300) {
      EXPECT_EQ(id_of(lines[id]), static_cast<std::int32_t>(id));
      EXPECT_EQ(tokenizer.token_text(static_cast<std::int32_t>(id)), lines[id]);
    }
    const KmerTokenizer again = KmerTokenizer::from_vocabulary(lines, stride);
    EXPECT_EQ(again.k(), k);
    EXPECT_EQ(again.stride(), stride);
  }
}

TEST(KmerTokenizer, NBasesIsTheMostThatTokensCover) {
  for (const auto& [k, stride] : kShapes) {
    const KmerTokenizer tokenizer(k, stride);
    EXPECT_EQ(tokenizer.n_bases(2), 0);
    for (std::int64_t tokens = 3; tokens < 40; ++tokens) {
      const std::int64_t bases = tokenizer.n_bases(tokens);
      EXPECT_EQ(tokenizer.n_tokens(bases), tokens);
      EXPECT_LT(tokenizer.n_tokens(bases - 1), tokens);
      EXPECT_EQ(tokenizer.bases_of_token(tokens - 2).second, bases);
    }
  }
}

TEST(KmerTokenizer, RefusesOtherShapes) {
  EXPECT_THAT([] { KmerTokenizer(0, 1); }, throws_usage_error("0 bases", "1 to 8"));
  EXPECT_THAT([] { KmerTokenizer(9, 1); }, throws_usage_error("9 bases", "1 to 8"));
  EXPECT_THAT([] { KmerTokenizer(-3, -3); }, throws_usage_error("-3"));
  EXPECT_THAT([] { KmerTokenizer(6, 2); }, throws_usage_error("stride of 2", "1 or k (6)"));
  EXPECT_THAT([] { KmerTokenizer(6, 0); }, throws_usage_error("stride of 0"));
}

TEST(KmerTokenizer, RefusesOtherVocabularies) {
  const auto read = [](const std::vector<std::string>& lines, int stride) {
    return [=] { KmerTokenizer::from_vocabulary(lines, stride); };
  };
  const std::vector<std::string> good = KmerTokenizer(2, 1).vocabulary();
  EXPECT_THAT(read({}, 1), throws_data_error("0 tokens"));
  std::vector<std::string> lines = good;
  lines.pop_back();
  EXPECT_THAT(read(lines, 1), throws_data_error("20 tokens"));
  lines = good;
  std::swap(lines[7], lines[8]);
  EXPECT_THAT(read(lines, 1), throws_data_error("line 8", "'AG'", "'AC'"));
  lines = good;
  lines[0] = "[UNK]";
  EXPECT_THAT(read(lines, 1), throws_data_error("line 1", "'[UNK]'", "'[PAD]'"));
  lines = good;
  for (std::string& line : lines) std::transform(line.begin(), line.end(), line.begin(), ::tolower);
  EXPECT_THAT(read(lines, 1), throws_data_error("line 1"));
  EXPECT_THAT(read(good, 3), throws_data_error("2-mers", "stride of 3", "1 or 2"));
}

TEST(KmerTokenizer, TokenTextOfSpecialTokensAndOfNone) {
  const KmerTokenizer tokenizer(2, 1);
  EXPECT_EQ(tokenizer.token_text(0), "[PAD]");
  EXPECT_EQ(tokenizer.token_text(4), "[MASK]");
  EXPECT_EQ(tokenizer.token_text(5), "AA");
  EXPECT_EQ(tokenizer.token_text(20), "GG");
  EXPECT_THAT([&] { tokenizer.token_text(21); }, throws_data_error("21"));
  EXPECT_THAT([&] { tokenizer.token_text(-1); }, throws_data_error("-1"));
}

TEST(KmerTokenizer, SpecialTokensCoverNoBase) {
  EXPECT_EQ(KmerTokenizer(3, 1).bases_of_token(0), (std::pair<std::int64_t, std::int64_t>{0, 0}));
}

}  // namespace
}  // namespace dnabird::seq
