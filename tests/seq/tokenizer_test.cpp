#include "seq/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "seq/kmer_tokenizer.h"
#include "support/random_bases.h"
#include "support/small_bpe.h"

namespace dnabird::seq {
namespace {

std::vector<std::unique_ptr<Tokenizer>> tokenizers() {
  std::vector<std::unique_ptr<Tokenizer>> all;
  for (const auto& [k, stride] : {std::pair(1, 1), std::pair(3, 1), std::pair(3, 3)}) {
    all.push_back(std::make_unique<KmerTokenizer>(k, stride));
  }
  all.push_back(std::make_unique<BpeTokenizer>(support::small_bpe()));
  return all;
}

std::vector<std::string> texts() {
  core::Rng rng(4);
  std::vector<std::string> all = {"", "A", "ACG", "TANNCGTA", std::string(12, 'N') + "TATA"};
  all.push_back(support::random_bases(27, rng));
  return all;
}

TEST(Tokenizers, AgreeWithThemselves) {
  for (const auto& tokenizer : tokenizers()) {
    for (const std::string& text : texts()) {
      const std::vector<std::int32_t> ids = tokenizer->encode(text);
      const Encoding encoding = tokenizer->encode_with_bases(text);
      EXPECT_EQ(encoding.ids, ids);
      ASSERT_EQ(encoding.bases.size(), ids.size());
      const auto n = static_cast<std::int64_t>(text.size());
      EXPECT_EQ(ids.front(), tokenizer->special().cls);
      EXPECT_EQ(ids.back(), tokenizer->special().sep);
      EXPECT_EQ(encoding.bases.front(), (BaseSpan{0, 0}));
      EXPECT_EQ(encoding.bases.back(), (BaseSpan{n, n}));
      // A text of n_bases(positions) bases has no more tokens than that.
      const auto n_tokens = static_cast<std::int64_t>(ids.size());
      for (std::int64_t positions = 2; positions < n_tokens; ++positions) {
        EXPECT_LT(tokenizer->n_bases(positions), n);
      }
    }
  }
}

TEST(Tokenizers, TokensOfBasesAreThoseThatCoverThem) {
  for (const auto& tokenizer : tokenizers()) {
    for (const std::string& text : texts()) {
      const Encoding encoding = tokenizer->encode_with_bases(text);
      const auto n = static_cast<std::int64_t>(text.size());
      for (std::int64_t begin = 0; begin < n; ++begin) {
        for (std::int64_t end = begin + 1; end <= n; ++end) {
          std::vector<std::int64_t> expected, actual;
          for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
            const auto [from, to] = encoding.bases[i];
            if (from < end && to > begin) expected.push_back(static_cast<std::int64_t>(i));
          }
          const auto [first, last] = tokens_of_bases(encoding, begin, end);
          for (std::int64_t i = first; i < last; ++i) actual.push_back(i);
          EXPECT_EQ(actual, expected)
              << tokenizer->kind() << ' ' << text << ' ' << begin << ' ' << end;
          const TokenRun run = tokenizer->tokens_at(text, begin, end);
          EXPECT_EQ(run.first, first) << text << ' ' << begin << ' ' << end;
          EXPECT_EQ(run.ids, std::vector(encoding.ids.begin() + first, encoding.ids.begin() + last))
              << text << ' ' << begin << ' ' << end;
        }
      }
    }
  }
}

/// Counts and keeps.
struct Kept : TokenSink {
  std::int64_t announced = -1;
  std::vector<std::int32_t> ids;
  void begin(std::int64_t n_tokens) override { announced = n_tokens; }
  void add(std::span<const std::int32_t> some) override {
    EXPECT_GE(announced, 0);
    ids.insert(ids.end(), some.begin(), some.end());
  }
};

TEST(Tokenizers, PiecesMakeUpTheWhole) {
  core::Rng rng(5);
  std::vector<std::string> all = texts();
  all.push_back(support::random_bases((1 << 20) + 7, rng));  // more than a piece of k-mers
  for (const auto& tokenizer : tokenizers()) {
    for (const std::string& text : all) {
      Kept kept;
      tokenizer->encode_to(text, kept);
      EXPECT_TRUE(kept.ids == tokenizer->encode(text)) << tokenizer->kind() << ' ' << text.size();
      EXPECT_EQ(kept.announced, static_cast<std::int64_t>(kept.ids.size()));
    }
  }
}

}  // namespace
}  // namespace dnabird::seq
