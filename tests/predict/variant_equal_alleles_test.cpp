// Equal alleles have equal scores, however they are written.
#include <gtest/gtest.h>

#include "predict/variant_scorer.h"
#include "support/memory_genome.h"
#include "support/random_model.h"

namespace dnabird::predict {
namespace {

using support::MemoryGenome;
using support::random_bases;

constexpr int kWindow = 100;

/// Stretches of short repeats, in which indels can be written at many places.
std::string repetitive_contig(core::Rng& rng) {
  std::string contig = random_bases(40, rng);
  while (contig.size() < 3000) {
    const std::string unit = random_bases(1 + static_cast<int>(rng.below(4)), rng);
    for (std::uint64_t n = 1 + rng.below(7); n > 0; --n) contig += unit;
  }
  return contig;
}

std::string haplotype(const std::string& contig, const Variant& v) {
  std::string result = contig;
  EXPECT_EQ(contig.substr(v.position, v.ref.size()), v.ref);
  return result.replace(v.position, v.ref.size(), v.alts[0]);
}

enum class Kind { snv, insertion, deletion, mnv };

/// As a caller might write it: with one base in front of an indel.
Variant random_variant(Kind kind, const std::string& contig, core::Rng& rng) {
  const auto position = static_cast<std::int64_t>(rng.below(contig.size() - 20));
  const int n = 1 + static_cast<int>(rng.below(6));
  Variant v{"c", position, {}, {}};
  switch (kind) {
    case Kind::snv:
    case Kind::mnv:
      v.ref = contig.substr(position, kind == Kind::snv ? 1 : 1 + n);
      v.alts = {v.ref};
      for (const std::size_t i : {std::size_t{0}, v.ref.size() - 1}) {
        while (v.alts[0][i] == v.ref[i]) v.alts[0][i] = "ACGT"[rng.below(4)];
      }
      break;
    case Kind::insertion:
      v.ref = contig.substr(position, 1);
      // Half of them lengthen the repeat that is there.
      v.alts = {v.ref + (rng.below(2) ? contig.substr(position + 1, n) : random_bases(n, rng))};
      break;
    case Kind::deletion:
      v.ref = contig.substr(position, 1 + n);
      v.alts = {v.ref.substr(0, 1)};
      break;
  }
  return v;
}

/// Other writings of the same haplotype: padded on either side, and indels at every place to which
/// they can be shifted, with a base in front or behind.
std::vector<Variant> writings(const Variant& v, const std::string& contig, core::Rng& rng) {
  std::vector<Variant> all = {v};
  for (int i = 0; i < 2; ++i) {
    const auto left = std::min<std::int64_t>(v.position, static_cast<std::int64_t>(rng.below(9)));
    const std::int64_t end = v.position + static_cast<std::int64_t>(v.ref.size());
    const std::string front = contig.substr(v.position - left, left);
    const std::string back = contig.substr(end, rng.below(9));
    all.push_back({"c", v.position - left, front + v.ref + back, {front + v.alts[0] + back}});
  }
  const std::string changed = haplotype(contig, v);
  const auto difference =
      static_cast<std::int64_t>(changed.size()) - static_cast<std::int64_t>(contig.size());
  if (difference == 0) return all;
  for (std::int64_t shift = -12; shift <= 12; ++shift) {
    const std::int64_t position = v.position + shift;
    if (position < 0) continue;
    const std::size_t n_ref = 1 + static_cast<std::size_t>(std::max<std::int64_t>(0, -difference));
    const std::size_t n_alt = 1 + static_cast<std::size_t>(std::max<std::int64_t>(0, difference));
    if (position + static_cast<std::int64_t>(n_ref) > static_cast<std::int64_t>(contig.size())) {
      continue;
    }
    const Variant other{
        "c", position, contig.substr(position, n_ref), {changed.substr(position, n_alt)}};
    if (haplotype(contig, other) == changed) all.push_back(other);
  }
  return all;
}

TEST(EqualAlleles, HaveEqualScoresBitForBit) {
  core::Rng rng(20);
  const std::string contig = repetitive_contig(rng);
  const MemoryGenome genome({{"c", contig}});
  const support::RandomModel random = support::random_model({.window_bases = kWindow});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  int n_writings = 0, n_shifted = 0;
  for (int i = 0; i < 200; ++i) {
    const auto kind = static_cast<Kind>(i % 4);
    const Variant variant = random_variant(kind, contig, rng);
    const std::vector<Variant> all = writings(variant, contig, rng);
    n_writings += static_cast<int>(all.size());
    n_shifted += all.size() > 4 ? 1 : 0;
    const AlleleScores expected =
        scorer.score(scorer.prepare(std::span<const Variant>(all).first(1))).get()[0][0];  // alone
    ASSERT_EQ(expected.status, AlleleStatus::ok);
    for (const auto& scored : scorer.score(scorer.prepare(all)).get()) {
      ASSERT_EQ(scored[0].status, AlleleStatus::ok);
      EXPECT_EQ(scored[0].log_likelihood_ratio, expected.log_likelihood_ratio) << i;
      EXPECT_EQ(scored[0].promoter, expected.promoter) << i;
      EXPECT_EQ(scored[0].distance, expected.distance) << i;
    }
  }
  EXPECT_GT(n_writings, 700);
  EXPECT_GT(n_shifted, 30);
}

TEST(EqualAlleles, AtBothEndsOfAContig) {
  const std::string contig = "AAAAACGTTGCATGCCAGTACCGGATTACAGGCTTAACCCCC";
  const MemoryGenome genome({{"c", contig}});
  const support::RandomModel random = support::random_model({.window_bases = kWindow});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const auto n = static_cast<std::int64_t>(contig.size());
  const std::vector<std::vector<Variant>> groups = {
      // One A less at the begin: by the base behind, in the middle, with all of them.
      {{"c", 0, "AA", {"A"}},
       {"c", 3, "AA", {"A"}},
       {"c", 4, "AC", {"C"}},
       {"c", 0, "AAAAAC", {"AAAAC"}}},
      // One more.
      {{"c", 0, "A", {"AA"}}, {"c", 4, "A", {"AA"}}, {"c", 4, "AC", {"AAC"}}},
      // The same at the end.
      {{"c", n - 2, "CC", {"C"}}, {"c", n - 6, "AC", {"A"}}, {"c", n - 5, "CCCCC", {"CCCC"}}},
      {{"c", n - 1, "C", {"CC"}}, {"c", n - 6, "A", {"AC"}}},
  };
  for (const std::vector<Variant>& group : groups) {
    const auto scored = scorer.score(scorer.prepare(group)).get();
    for (std::size_t i = 0; i < group.size(); ++i) {
      ASSERT_EQ(scored[i][0].status, AlleleStatus::ok) << group[i].ref << group[i].position;
      EXPECT_EQ(scored[i][0].log_likelihood_ratio, scored[0][0].log_likelihood_ratio);
      EXPECT_EQ(scored[i][0].promoter, scored[0][0].promoter);
      EXPECT_EQ(scored[i][0].distance, scored[0][0].distance);
      EXPECT_NE(*scored[i][0].log_likelihood_ratio, 0);
    }
  }
}

}  // namespace
}  // namespace dnabird::predict
