#include "seq/masking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "seq/bpe_tokenizer.h"
#include "support/small_bpe.h"

namespace dnabird::seq {
namespace {

struct Shape {
  int k, stride;
};
const std::vector<Shape> kShapes = {{1, 1}, {3, 1}, {6, 1}, {8, 1}, {3, 3}, {6, 6}};

std::string random_bases(int n, core::Rng& rng, int one_unknown_in) {
  std::string bases;
  for (int i = 0; i < n; ++i) {
    bases += one_unknown_in > 0 && rng.below(one_unknown_in) == 0 ? 'N' : "ACGT"[rng.below(4)];
  }
  return bases;
}

/// Runs [begin, end) of tokens with a label.
std::vector<std::pair<std::size_t, std::size_t>> spans_of(const MaskedTokens& masked) {
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (std::size_t i = 0; i < masked.labels.size(); ++i) {
    if (masked.labels[i] == -100) continue;
    if (spans.empty() || spans.back().second != i) spans.push_back({i, i});
    ++spans.back().second;
  }
  return spans;
}

enum class Kind { masked, random, kept };

/// What was done to a span; all of its tokens must agree.
Kind kind_of(const MaskedTokens& masked, std::pair<std::size_t, std::size_t> span) {
  const auto begin = masked.input.begin(), first = begin + static_cast<long>(span.first),
             last = begin + static_cast<long>(span.second);
  const auto masks = std::count(first, last, static_cast<std::int32_t>(kMask));
  if (masks > 0) {
    EXPECT_EQ(masks, last - first) << "a span is masked as a whole";
    return Kind::masked;
  }
  return std::equal(first, last, masked.labels.begin() + static_cast<long>(span.first))
             ? Kind::kept
             : Kind::random;
}

template <class Visit>
void for_many_sequences(const MaskingOptions& options, int one_unknown_in, Visit visit) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE("k " + std::to_string(shape.k) + " stride " + std::to_string(shape.stride));
    const KmerTokenizer tokenizer(shape.k, shape.stride);
    core::Rng rng(static_cast<std::uint64_t>(shape.k * 10 + shape.stride));
    for (int i = 0; i < 60; ++i) {
      const std::string bases =
          random_bases(20 + static_cast<int>(rng.below(300)), rng, one_unknown_in);
      const std::vector<std::int32_t> ids = tokenizer.encode(bases);
      visit(tokenizer, ids, mask_spans(ids, tokenizer, options, rng));
    }
  }
}

TEST(Masking, LabelsAreTheTruthAndTheRestIsUntouched) {
  for_many_sequences({}, 40, [](const KmerTokenizer& tokenizer, const auto& ids, const auto& got) {
    ASSERT_EQ(got.input.size(), ids.size());
    ASSERT_EQ(got.labels.size(), ids.size());
    ASSERT_EQ(got.hidden_bases.size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (got.labels[i] == -100) {
        EXPECT_EQ(got.input[i], ids[i]);
        EXPECT_EQ(got.hidden_bases[i], 0);
        continue;
      }
      EXPECT_EQ(got.labels[i], ids[i]);
      EXPECT_GE(ids[i], kSpecialTokens);  // neither [CLS], [SEP] nor [UNK]
      EXPECT_TRUE(got.input[i] == kMask || got.input[i] >= kSpecialTokens);
      EXPECT_LT(got.input[i], tokenizer.vocabulary_size());
    }
  });
}

TEST(Masking, SpansAreLongEnoughAndNeverTouch) {
  const MaskingOptions options;
  for_many_sequences(
      options, 0, [&](const KmerTokenizer& tokenizer, const auto& ids, const auto& got) {
        (void)ids;
        const auto spans = spans_of(got);
        const auto k = static_cast<std::size_t>(tokenizer.k());
        const std::size_t least = tokenizer.stride() == 1 ? k : 1;
        const std::size_t most = tokenizer.stride() == 1 ? k - 1 + options.max_hidden_bases
                                                         : (options.max_hidden_bases + k - 1) / k;
        for (std::size_t s = 0; s < spans.size(); ++s) {
          // Spans that touched would show as one that is too long.
          EXPECT_GE(spans[s].second - spans[s].first, least);
          EXPECT_LE(spans[s].second - spans[s].first, most);
          kind_of(got, spans[s]);
        }
      });
}

TEST(Masking, HiddenBasesAreThoseThatNoVisibleTokenShows) {
  for_many_sequences({}, 40, [](const KmerTokenizer& tokenizer, const auto& ids, const auto& got) {
    const auto n = static_cast<std::int64_t>(ids.size());
    for (std::int64_t i = 0; i < n; ++i) {
      if (got.labels[i] == -100) continue;
      int hidden = 0;
      const auto [begin, end] = tokenizer.bases_of_token(i);
      for (std::int64_t base = begin; base < end; ++base) {
        bool shown = false;
        for (std::int64_t j = 1; j + 1 < n; ++j) {
          const auto [from, to] = tokenizer.bases_of_token(j);
          shown |= got.labels[j] == -100 && ids[j] >= kSpecialTokens && from <= base && base < to;
        }
        hidden += !shown;
      }
      EXPECT_EQ(got.hidden_bases[i], hidden) << "token " << i;
    }
  });
}

TEST(Masking, EverySpanHidesBasesThroughTheKeptOnesToo) {
  // With stride 1 a span of m tokens hides m-k+1 bases, whatever is done to it.
  for_many_sequences({}, 0, [](const KmerTokenizer& tokenizer, const auto&, const auto& got) {
    for (const auto& span : spans_of(got)) {
      int most = 0;
      for (std::size_t i = span.first; i < span.second; ++i) {
        most = std::max(most, got.hidden_bases[i]);
        if (tokenizer.stride() == tokenizer.k()) {
          EXPECT_EQ(got.hidden_bases[i], tokenizer.k());
        }
      }
      EXPECT_GE(most, 1);
      const auto length = static_cast<int>(span.second - span.first);
      const bool at_end = span.first == 1 || span.second + 1 == got.labels.size();
      if (tokenizer.stride() == 1 && !at_end) {
        EXPECT_EQ(most, std::min(length - tokenizer.k() + 1, tokenizer.k()));
      }
    }
  });
}

TEST(Masking, RandomSpansAgreeWithTheVisibleBasesAroundThem) {
  MaskingOptions options;
  options.replace_mask = 0;  // half random, half kept
  for_many_sequences(
      options, 0, [](const KmerTokenizer& tokenizer, const auto& ids, const auto& got) {
        // The input must be the tokens of some text: overlapping k-mers that contradict each other
        // would give the span away.
        const auto n = static_cast<std::int64_t>(ids.size());
        std::string text(static_cast<std::size_t>(tokenizer.n_bases(n)), '?');
        for (std::int64_t i = 1; i + 1 < n; ++i) {
          const auto begin = static_cast<std::size_t>(tokenizer.bases_of_token(i).first);
          const std::string kmer = tokenizer.token_text(got.input[i]);
          for (std::size_t j = 0; j < kmer.size(); ++j) {
            EXPECT_TRUE(text[begin + j] == '?' || text[begin + j] == kmer[j]) << "token " << i;
            text[begin + j] = kmer[j];
          }
        }
      });
}

struct Counts {
  double tokens = 0, covered = 0, spans = 0, masked = 0, random = 0, kept = 0;
};

Counts count_many(const MaskingOptions& options, const Shape& shape, int length) {
  const KmerTokenizer tokenizer(shape.k, shape.stride);
  core::Rng rng(5);
  Counts counts;
  for (int i = 0; i < 2000; ++i) {
    const std::vector<std::int32_t> ids = tokenizer.encode(random_bases(length, rng, 0));
    const MaskedTokens masked = mask_spans(ids, tokenizer, options, rng);
    counts.tokens += static_cast<double>(ids.size() - 2);
    for (const auto& span : spans_of(masked)) {
      counts.covered += static_cast<double>(span.second - span.first);
      ++counts.spans;
      const Kind kind = kind_of(masked, span);
      counts.masked += kind == Kind::masked;
      counts.random += kind == Kind::random;
      counts.kept += kind == Kind::kept;
    }
  }
  return counts;
}

TEST(Masking, FractionOfTokensAndKindsOfSpans) {
  for (const Shape& shape : kShapes) {
    const Counts counts = count_many({}, shape, 300);
    EXPECT_NEAR(counts.covered / counts.tokens, 0.15, 0.01) << shape.k << ' ' << shape.stride;
    EXPECT_NEAR(counts.masked / counts.spans, 0.8, 0.03);
    // A random span equals the truth where one base was hidden and drawn again: a quarter of those.
    EXPECT_NEAR((counts.random + counts.kept) / counts.spans, 0.2, 0.03);
    EXPECT_NEAR(counts.random / counts.spans, 0.1, 0.03);
  }
}

TEST(Masking, OtherFractions) {
  for (const double fraction : {0.05, 0.3}) {
    MaskingOptions options;
    options.fraction = fraction;
    const Counts counts = count_many(options, {6, 1}, 300);
    EXPECT_NEAR(counts.covered / counts.tokens, fraction, 0.1 * fraction);
  }
  MaskingOptions none;
  none.fraction = 0;
  EXPECT_EQ(count_many(none, {6, 1}, 300).covered, 0);
}

TEST(Masking, EveryPlaceIsHiddenSometimes) {
  const KmerTokenizer tokenizer(6, 1);
  core::Rng rng(8);
  const std::vector<std::int32_t> ids = tokenizer.encode(random_bases(60, rng, 0));
  std::vector<int> hidden(ids.size(), 0);
  for (int i = 0; i < 4000; ++i) {
    const MaskedTokens masked = mask_spans(ids, tokenizer, {}, rng);
    for (std::size_t t = 0; t < ids.size(); ++t) hidden[t] += masked.labels[t] != -100;
  }
  for (std::size_t t = 1; t + 1 < ids.size(); ++t) EXPECT_GT(hidden[t], 40) << "token " << t;
}

TEST(Masking, SequencesWithoutRoomStayAsTheyAre) {
  const KmerTokenizer tokenizer(6, 1);
  core::Rng rng(1);
  for (const char* bases :
       {"", "ACGT", "ACGTACGT", "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN"}) {
    const std::vector<std::int32_t> ids = tokenizer.encode(bases);
    const MaskedTokens masked = mask_spans(ids, tokenizer, {}, rng);
    EXPECT_EQ(masked.input, ids);
    EXPECT_EQ(std::count(masked.labels.begin(), masked.labels.end(), -100),
              static_cast<long>(ids.size()));
  }
}

TEST(Masking, SameDrawsForTheSameSeed) {
  const KmerTokenizer tokenizer(4, 1);
  core::Rng text(3);
  const std::vector<std::int32_t> ids = tokenizer.encode(random_bases(200, text, 0));
  core::Rng a(7), b(7), c(8);
  const MaskedTokens first = mask_spans(ids, tokenizer, {}, a);
  EXPECT_EQ(first.input, mask_spans(ids, tokenizer, {}, b).input);
  EXPECT_NE(first.labels, mask_spans(ids, tokenizer, {}, c).labels);
}

TEST(Masking, TokensOfAnyLengthAreHiddenOneByOne) {
  const BpeTokenizer tokenizer = support::small_bpe();
  core::Rng text(3), rng(4);
  std::int64_t hidden = 0, all = 0;
  for (int i = 0; i < 50; ++i) {
    const Encoding encoding = tokenizer.encode_with_bases(random_bases(200, text, 0) + "x");
    const MaskedTokens masked = mask_tokens(encoding, tokenizer.special(), 0.15, rng);
    ASSERT_EQ(masked.input.size(), encoding.ids.size());
    for (std::size_t t = 0; t < encoding.ids.size(); ++t) {
      const std::int32_t id = encoding.ids[t];
      ++all;
      if (masked.labels[t] == -100) {
        EXPECT_EQ(masked.input[t], id);
        EXPECT_EQ(masked.hidden_bases[t], 0);
        continue;
      }
      ++hidden;
      EXPECT_EQ(masked.labels[t], id);
      EXPECT_EQ(masked.input[t], tokenizer.special().mask);
      EXPECT_EQ(masked.hidden_bases[t], static_cast<int>(tokenizer.token_text(id).size()));
      EXPECT_GE(id, 6) << "a special token";
    }
  }
  EXPECT_NEAR(static_cast<double>(hidden) / static_cast<double>(all), 0.15, 0.02);
}

TEST(Masking, RefusesOptionsWithoutMeaning) {
  const KmerTokenizer tokenizer(3, 1);
  core::Rng rng(1);
  MaskingOptions options;
  options.min_hidden_bases = 0;
  EXPECT_THROW(mask_spans({2, 5, 3}, tokenizer, options, rng), std::logic_error);
  options = {};
  options.max_hidden_bases = 0;
  EXPECT_THROW(mask_spans({2, 5, 3}, tokenizer, options, rng), std::logic_error);
  EXPECT_THROW(mask_spans({2}, tokenizer, {}, rng), std::logic_error);
}

}  // namespace
}  // namespace dnabird::seq
