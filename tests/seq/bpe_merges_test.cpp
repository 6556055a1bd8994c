#include "seq/bpe_merges.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "seq/bpe_tokenizer.h"
#include "support/random_bases.h"
#include "support/small_bpe.h"

namespace dnabird::seq {
namespace {

/// The definition, word for word: all occurrences of the lowest rank, then of the next lowest that
/// there is. Right for merges whose sides come from merges of lower ranks.
class PlainMerges {
 public:
  explicit PlainMerges(const BpeDefinition& definition) {
    for (std::size_t id = 0; id < definition.vocabulary.size(); ++id) {
      ids_[definition.vocabulary[id]] = static_cast<std::int32_t>(id);
    }
    for (const BpeMerges::Merge& merge : definition.merges) {
      ranks_[{merge.left, merge.right}] = {static_cast<int>(ranks_.size()), merge.result};
    }
  }

  std::vector<WordToken> encode(const std::string& word) const {
    std::vector<WordToken> tokens;
    for (std::size_t i = 0; i < word.size(); ++i) {
      tokens.push_back({static_cast<std::int64_t>(i), 1, ids_.at(word.substr(i, 1))});
    }
    while (true) {
      std::pair<int, std::int32_t> lowest{std::numeric_limits<int>::max(), 0};
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const auto found = ranks_.find({tokens[i].id, tokens[i + 1].id});
        if (found != ranks_.end()) lowest = std::min(lowest, found->second);
      }
      if (lowest.first == std::numeric_limits<int>::max()) return tokens;
      std::vector<WordToken> merged;
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        merged.push_back(tokens[i]);
        if (i + 1 == tokens.size()) continue;
        const auto found = ranks_.find({tokens[i].id, tokens[i + 1].id});
        if (found == ranks_.end() || found->second != lowest) continue;
        merged.back().length += tokens[i + 1].length;
        merged.back().id = lowest.second;
        ++i;
      }
      tokens = std::move(merged);
    }
  }

 private:
  std::map<std::string, std::int32_t> ids_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::pair<int, std::int32_t>> ranks_;
};

BpeMerges merges_of(const BpeDefinition& definition) {
  BpeMerges::Letters letters;
  letters.fill(-1);
  for (std::size_t id = 0; id < definition.vocabulary.size(); ++id) {
    const std::string& text = definition.vocabulary[id];
    if (text.size() == 1) letters[static_cast<std::size_t>(text[0])] = static_cast<int>(id);
  }
  return BpeMerges(letters, definition.merges, definition.special.unknown);
}

std::string repeat(const std::string& unit, std::size_t n) {
  std::string text;
  while (text.size() < n) text += unit;
  return text;
}

void expect_same(const BpeDefinition& definition, const std::vector<std::string>& words) {
  const BpeMerges merges = merges_of(definition);
  const PlainMerges plain(definition);
  for (const std::string& word : words) {
    std::vector<WordToken> tokens;
    merges.encode(word, tokens);
    EXPECT_TRUE(tokens == plain.encode(word)) << word.substr(0, 60) << ' ' << word.size();
  }
}

TEST(BpeMerges, ShortWordsAsDefined) {
  core::Rng rng(1);
  std::vector<std::string> words = {"", "A", "AA", "AAA", "AAAAA", "TATATA", "NNN", "CGCGCG"};
  for (std::int64_t n = 1; n < 200; n += 3) words.push_back(support::random_bases(n, rng));
  expect_same(bpe_definition_from_json(support::small_bpe_json()), words);
}

// Longer than a block: joined ones must not show where.
TEST(BpeMerges, LongWordsAsDefined) {
  core::Rng rng(2);
  const BpeDefinition definition =
      bpe_definition_from_json(nlohmann::json::parse(support::gena_tokenizer_text()));
  std::vector<std::string> words = {support::random_bases(9000, rng)};
  const std::string unit = support::random_bases(171, rng);  // like a satellite
  for (const std::string& some :
       {std::string("A"), std::string("CA"), std::string("TTAGGG"), unit}) {
    words.push_back(repeat(some, 8600));
    words.push_back(support::random_bases(50, rng) + repeat(some, 8500) +
                    support::random_bases(50, rng));
  }
  expect_same(definition, words);
}

TEST(BpeMerges, AppendsWordByWord) {
  const BpeDefinition definition = bpe_definition_from_json(support::small_bpe_json());
  const BpeMerges merges = merges_of(definition);
  std::vector<WordToken> tokens;
  merges.encode("AAT", tokens);
  merges.encode("A", tokens);
  const auto id = [&](const std::string& text) {
    for (std::size_t i = 0; i < definition.vocabulary.size(); ++i) {
      if (definition.vocabulary[i] == text) return static_cast<std::int32_t>(i);
    }
    return -1;
  };
  EXPECT_EQ(tokens, (std::vector<WordToken>{{0, 2, id("AA")}, {2, 1, id("T")}, {0, 1, id("A")}}));
}

// A merge whose side is made later than it: it goes first as soon as it is there.
TEST(BpeMerges, RanksInAnyOrder) {
  nlohmann::json json = support::small_bpe_json();
  json["model"]["merges"] = {"AA AA", "A A", "C G"};
  const BpeDefinition definition = bpe_definition_from_json(json);
  const BpeMerges merges = merges_of(definition);
  std::vector<WordToken> tokens;
  merges.encode("AAAAAAA", tokens);
  std::vector<std::int32_t> lengths;
  for (const WordToken& token : tokens) lengths.push_back(token.length);
  EXPECT_EQ(lengths, (std::vector<std::int32_t>{4, 2, 1}));
}

TEST(BpeMerges, OtherCharactersAreUnknownOnes) {
  const BpeDefinition definition = bpe_definition_from_json(support::small_bpe_json());
  const BpeMerges merges = merges_of(definition);
  std::vector<WordToken> tokens;
  merges.encode(
      "Aa\xc3\xa9"
      "AA",
      tokens);  // e with an accent: two bytes, one character
  const std::int32_t unknown = definition.special.unknown;
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[1], (WordToken{1, 1, unknown}));
  EXPECT_EQ(tokens[2], (WordToken{2, 2, unknown}));
  EXPECT_EQ(tokens[3].length, 2);
}

}  // namespace
}  // namespace dnabird::seq
