// Variant scores where tokens follow the text.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "core/device.h"
#include "core/rng.h"
#include "predict/variant_scorer.h"
#include "predict/variant_windows.h"
#include "seq/kmer_tokenizer.h"
#include "support/memory_genome.h"
#include "support/small_bpe.h"

namespace dnabird::predict {
namespace {

using seq::HaplotypeWindow;
using support::random_bases;

constexpr std::int64_t kWindow = 120;

/// Both haplotypes of a change in the middle of a random contig.
struct Pair {
  HaplotypeWindow reference, alternate;
};

Pair make_pair(const std::string& contig, const seq::Allele& allele, bool is_reverse) {
  const auto fetch = [&](std::int64_t begin, std::int64_t end) {
    return contig.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  };
  Pair pair{seq::cut_window(allele, seq::Haplotype::reference, 50, kWindow, fetch),
            seq::cut_window(allele, seq::Haplotype::alternate, 50, kWindow, fetch)};
  if (!is_reverse) return pair;
  return {seq::reverse_complement(pair.reference), seq::reverse_complement(pair.alternate)};
}

std::string part(const HaplotypeWindow& window) {
  return window.bases.substr(window.allele_begin, window.allele_end - window.allele_begin);
}

/// Where tokens begin or the text ends, as distance from `origin`.
std::set<std::int64_t> borders(const seq::Tokenizer& tokenizer, const HaplotypeWindow& window,
                               std::int64_t origin) {
  std::set<std::int64_t> result;
  for (const seq::BaseSpan& span : tokenizer.encode_with_bases(window.bases).bases) {
    result.insert(span.begin - origin);
  }
  return result;
}

TEST(WidenToSharedTokens, ReachesToTheNearestSharedBorders) {
  const seq::BpeTokenizer tokenizer = support::small_bpe();
  core::Rng rng(3);
  int widened = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string contig = random_bases(400, rng);
    seq::Allele allele{200, contig.substr(200, 1 + rng.below(4)),
                       random_bases(1 + static_cast<std::int64_t>(rng.below(4)), rng)};
    const Pair before = make_pair(contig, allele, i % 2 == 1);
    Pair after = before;
    widen_to_shared_tokens(tokenizer, after.reference, after.alternate);
    const HaplotypeWindow &r = after.reference, &a = after.alternate;
    const std::int64_t left = before.reference.allele_begin - r.allele_begin;
    const std::int64_t right = r.allele_end - before.reference.allele_end;
    ASSERT_GE(left, 0);
    ASSERT_GE(right, 0);
    widened += left + right > 0 ? 1 : 0;
    // The same bases on both sides.
    EXPECT_EQ(before.alternate.allele_begin - a.allele_begin, left);
    EXPECT_EQ(a.allele_end - before.alternate.allele_end, right);
    EXPECT_EQ(part(r).substr(0, left), part(a).substr(0, left));
    EXPECT_EQ(part(r).substr(part(r).size() - right), part(a).substr(part(a).size() - right));
    // A border of both, and none of both nearer.
    const auto begins_r = borders(tokenizer, r, before.reference.allele_begin);
    const auto begins_a = borders(tokenizer, a, before.alternate.allele_begin);
    EXPECT_TRUE(begins_r.contains(-left) && begins_a.contains(-left));
    for (std::int64_t d = 0; d < left; ++d) {
      EXPECT_FALSE(begins_r.contains(-d) && begins_a.contains(-d)) << d;
    }
    const auto ends_r = borders(tokenizer, r, before.reference.allele_end);
    const auto ends_a = borders(tokenizer, a, before.alternate.allele_end);
    EXPECT_TRUE(ends_r.contains(right) && ends_a.contains(right));
    for (std::int64_t d = 0; d < right; ++d) {
      EXPECT_FALSE(ends_r.contains(d) && ends_a.contains(d)) << d;
    }
  }
  EXPECT_GT(widened, 100);
}

TEST(WidenToSharedTokens, WithoutAnyItTakesTheWindow) {
  const seq::BpeTokenizer tokenizer = support::small_bpe();
  HaplotypeWindow reference{"AAAA", 1, 2}, alternate{"ACGA", 1, 3};  // AAAA; ACG A
  widen_to_shared_tokens(tokenizer, reference, alternate);
  EXPECT_EQ(reference.allele_begin, 0);
  EXPECT_EQ(reference.allele_end, 4);
  EXPECT_EQ(alternate.allele_begin, 0);
  EXPECT_EQ(alternate.allele_end, 4);
}

TEST(WidenToSharedTokens, LeavesKmersAsTheyAre) {
  HaplotypeWindow reference{"AAAAAA", 2, 3}, alternate{"AAGAAA", 2, 3};
  widen_to_shared_tokens(seq::KmerTokenizer(3, 1), reference, alternate);
  EXPECT_EQ(reference.allele_begin, 2);
  EXPECT_EQ(alternate.allele_end, 3);
}

class BpeScores : public testing::Test {
 protected:
  BpeScores() : kernels_(core::open_device("cpu", "f32", 1)), tokenizer_(support::small_bpe()) {
    model::ModelConfig config;
    config.vocabulary = tokenizer_.vocabulary_size();
    config.channels = 16;
    config.layers = 2;
    config.heads = 2;
    config.feed_forward = 32;
    config.positions = kWindow + 2;
    config.block_size = 16;
    config.random_blocks = 1;
    config.initializer_range = 0.5;
    config.k = 0;
    config.task = model::HeadTask::classification;
    config.targets = {"other", "promoter"};
    model_ = std::make_unique<model::Model>(*kernels_, config);
    model_->initialize(11);
    core::Rng rng(8);
    contig_ = random_bases(500, rng);
  }

  std::vector<AlleleScores> score(const std::vector<Variant>& variants,
                                  std::int64_t batch_size = 0) {
    const support::MemoryGenome genome({{"c", contig_}});
    VariantScorer scorer(*model_, tokenizer_, genome, {{}, batch_size});
    std::vector<AlleleScores> all;
    for (const auto& some : scorer.score(scorer.prepare(variants)).get())
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }

  /// Sum of log p of the tokens of a window between two borders, all of them masked.
  double log_likelihood(const HaplotypeWindow& window) const {
    const seq::Encoding encoding = tokenizer_.encode_with_bases(window.bases);
    Tokens ids = encoding.ids;
    std::vector<std::int32_t> rows;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const auto [begin, end] = encoding.bases[t];
      if (begin == end || begin < window.allele_begin || end > window.allele_end) continue;
      rows.push_back(static_cast<std::int32_t>(t));
      ids[t] = tokenizer_.special().mask;
    }
    const model::TokenBatch batch =
        model::make_token_batch(*kernels_, std::span<const Tokens>(&ids, 1), 16);
    const std::vector<float> logits =
        model_
            ->masked_lm_logits(
                model_->encode(batch),
                core::Tensor::from_host(*kernels_, {static_cast<std::int64_t>(rows.size())},
                                        std::span<const std::int32_t>(rows)))
            .to_floats();
    const std::size_t vocabulary = logits.size() / rows.size();
    double sum = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double total = 0;
      for (std::size_t v = 0; v < vocabulary; ++v) total += std::exp(logits[i * vocabulary + v]);
      sum += logits[i * vocabulary + encoding.ids[rows[i]]] - std::log(total);
    }
    return sum;
  }

  std::unique_ptr<kernels::KernelSet> kernels_;
  seq::BpeTokenizer tokenizer_;
  std::unique_ptr<model::Model> model_;
  std::string contig_;
};

TEST_F(BpeScores, AreThoseOfTheWidenedWindows) {
  const support::MemoryGenome genome({{"c", contig_}});
  EXPECT_EQ(score_window_bases(model_->config(), tokenizer_), kWindow);
  for (std::int64_t at = 150; at < 300; at += 7) {
    const std::string ref = contig_.substr(at, 1);
    const std::string alt = ref == "A" ? "C" : "A";
    const AlleleScores scores = score({{"c", at, ref, {alt}}})[0];
    ASSERT_EQ(scores.status, AlleleStatus::ok);
    double expected = 0;
    for (const bool is_reverse : {false, true}) {
      const auto fetch = [&](std::int64_t b, std::int64_t e) { return contig_.substr(b, e - b); };
      const seq::Allele allele{at, ref, alt};
      const std::int64_t offset = (kWindow - 1) / 2;
      HaplotypeWindow r =
          seq::cut_window(allele, seq::Haplotype::reference, offset, kWindow, fetch);
      HaplotypeWindow a =
          seq::cut_window(allele, seq::Haplotype::alternate, offset, kWindow, fetch);
      if (is_reverse) {
        r = seq::reverse_complement(r);
        a = seq::reverse_complement(a);
      }
      widen_to_shared_tokens(tokenizer_, r, a);
      expected += (log_likelihood(a) - log_likelihood(r)) / 2;
    }
    EXPECT_NEAR(*scores.log_likelihood_ratio, expected, 1e-4) << at;
    EXPECT_TRUE(scores.promoter && scores.distance);
  }
}

TEST_F(BpeScores, HangOnTheAlleleAlone) {
  // The same change in three writings, and one that changes nothing.
  contig_.replace(200, 8, "GTTTTTCA");
  const std::vector<Variant> variants = {
      {"c", 200, "GT", {"G"}},
      {"c", 203, "TT", {"T"}},
      {"c", 200, "GTTTTTC", {"GTTTTC"}},
      {"c", 210, contig_.substr(210, 1), {contig_.substr(210, 1)}}};
  const std::vector<AlleleScores> together = score(variants, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(together[i].log_likelihood_ratio, together[0].log_likelihood_ratio);
    EXPECT_EQ(together[i].promoter, together[0].promoter);
    EXPECT_EQ(together[i].distance, together[0].distance);
    EXPECT_EQ(score({variants[i]}, 1)[0].log_likelihood_ratio, together[0].log_likelihood_ratio);
  }
  EXPECT_EQ(together[3].log_likelihood_ratio, 0.0f);
  EXPECT_EQ(together[3].distance, 0.0f);
  EXPECT_NE(together[0].log_likelihood_ratio, 0.0f);
}

}  // namespace
}  // namespace dnabird::predict
