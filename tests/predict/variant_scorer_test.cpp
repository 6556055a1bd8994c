// Scores against a slow computation straight from their definition, one window at a time.
#include "predict/variant_scorer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/memory_genome.h"
#include "support/random_model.h"
#include "support/recording_kernel_set.h"

namespace dnabird::predict {
namespace {

using support::MemoryGenome;
using support::random_bases;
using support::random_model;
using support::RandomModel;
using support::throws_data_error;

constexpr int kWindow = 120;

std::string reverse_complement(const std::string& bases) {
  std::string result;
  for (auto base = bases.rbegin(); base != bases.rend(); ++base) {
    result += std::string("TGCAN")[std::string("ACGTN").find(*base)];
  }
  return result;
}

double log_odds_of_sums(const std::vector<float>& logits) {
  return static_cast<double>(logits[1]) - logits[0];
}

/// The definitions of VariantScorer, written down once more on whole haplotypes.
class Oracle {
 public:
  Oracle(const RandomModel& random, const std::string& contig) : random_(random), contig_(contig) {}

  struct Scores {
    double llr, promoter, distance;
  };

  /// For an allele in its canonical writing.
  Scores score(int begin, const std::string& ref, const std::string& alt) const {
    const int centred = begin - (kWindow - static_cast<int>(ref.size())) / 2;
    Scores scores{0, 0, 0};
    for (const bool is_reverse : {false, true}) {
      const Window reference = cut(begin, ref, ref, centred, is_reverse);
      const Window alternate = cut(begin, ref, alt, centred, is_reverse);
      scores.llr += (log_likelihood(alternate) - log_likelihood(reference)) / 2;
      scores.distance += distance(embedding(reference), embedding(alternate)) / 2;
    }
    double best = -INFINITY;
    for (int w = (begin / 20 - 20) * 20; w <= begin; w += 20) {
      if (w + kWindow < begin + static_cast<int>(ref.size())) continue;
      for (const bool is_reverse : {false, true}) {
        const Window reference = cut(begin, ref, ref, w, is_reverse);
        if (std::count(reference.bases.begin(), reference.bases.end(), 'N') > 12) continue;
        const double log_odds = promoter(reference);
        if (log_odds <= best) continue;
        best = log_odds;
        scores.promoter = promoter(cut(begin, ref, alt, w, is_reverse)) - log_odds;
      }
    }
    return scores;
  }

 private:
  struct Window {
    std::string bases;
    int allele_begin, allele_end;
  };

  Window cut(int begin, const std::string& ref, const std::string& own, int window_begin,
             bool is_reverse) const {
    const int pad = 2 * kWindow;
    std::string haplotype = std::string(pad, 'N') + contig_ + std::string(pad, 'N');
    EXPECT_EQ(haplotype.substr(pad + begin, ref.size()), ref);
    haplotype.replace(pad + begin, ref.size(), own);
    Window window{haplotype.substr(pad + window_begin, kWindow), begin - window_begin, 0};
    window.allele_end = std::min(kWindow, window.allele_begin + static_cast<int>(own.size()));
    if (!is_reverse) return window;
    return {reverse_complement(window.bases), kWindow - window.allele_end,
            kWindow - window.allele_begin};
  }

  model::TokenBatch batch_of(const Tokens& ids) const {
    return model::make_token_batch(*random_.kernels, std::span<const Tokens>(&ids, 1),
                                   random_.model->config().block_size);
  }

  double log_likelihood(const Window& window) const {
    const int k = random_.tokenizer.k(), stride = random_.tokenizer.stride();
    Tokens ids = random_.tokenizer.encode(window.bases);
    Tokens truth;
    std::vector<std::int32_t> rows;
    for (std::size_t t = 1; t + 1 < ids.size(); ++t) {
      const int first = static_cast<int>(t - 1) * stride;
      if (first >= window.allele_end || first + k <= window.allele_begin) continue;
      if (ids[t] != seq::kUnknown) {
        truth.push_back(ids[t]);
        rows.push_back(static_cast<std::int32_t>(t));
      }
      ids[t] = seq::kMask;
    }
    const std::vector<float> logits =
        random_.model
            ->masked_lm_logits(
                random_.model->encode(batch_of(ids)),
                core::Tensor::from_host(*random_.kernels, {static_cast<std::int64_t>(rows.size())},
                                        std::span<const std::int32_t>(rows)))
            .to_floats();
    const std::size_t vocabulary = logits.size() / rows.size();
    double sum = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double total = 0;
      for (std::size_t v = 0; v < vocabulary; ++v) {
        total += std::exp(static_cast<double>(logits[i * vocabulary + v]));
      }
      sum += logits[i * vocabulary + static_cast<std::size_t>(truth[i])] - std::log(total);
    }
    return sum * stride / k;
  }

  double promoter(const Window& window) const {
    const Tokens ids = random_.tokenizer.encode(window.bases);
    return log_odds_of_sums(
        random_.model->head_output(random_.model->encode(batch_of(ids))).to_floats());
  }

  std::vector<float> embedding(const Window& window) const {
    const model::TokenBatch batch = batch_of(random_.tokenizer.encode(window.bases));
    return random_.model->pool(random_.model->encode(batch), batch).to_floats();
  }

  static double distance(const std::vector<float>& u, const std::vector<float>& v) {
    double uv = 0, uu = 0, vv = 0;
    for (std::size_t i = 0; i < u.size(); ++i) {
      uv += static_cast<double>(u[i]) * v[i];
      uu += static_cast<double>(u[i]) * u[i];
      vv += static_cast<double>(v[i]) * v[i];
    }
    return 1 - uv / std::sqrt(uu * vv);
  }

  const RandomModel& random_;
  const std::string& contig_;
};

/// 600 random bases with a poly-A, a repeat and five N.
std::string test_contig() {
  core::Rng rng(5);
  std::string contig = random_bases(600, rng);
  contig.replace(200, 9, "CAAAAAAAG");
  contig.replace(300, 12, "TGCACACACAGT");
  contig.replace(400, 5, "NNNNN");
  contig.replace(580, 1, "T");
  contig.replace(596, 4, "CGCA");
  return contig;
}

struct Case {
  const char* name;
  int begin;  // canonical
  int n_ref;
  std::string alt;  // '=' at its start: the first reference base
};

const Case kCases[] = {
    {"SNV inside", 250, 1, "?"},
    {"insertion", 260, 1, "=GATTACA"},
    {"insertion as long as allowed", 262, 1, "=GATTACAGATTACAGATTACAGATTACA"},
    {"deletion", 270, 12, "="},
    {"deletion as long as allowed", 150, 30, "="},
    {"MNV", 280, 4, "????"},
    {"block substitution", 290, 3, "???????"},
    {"deletion in a poly-A", 200, 3, "="},
    {"insertion in a repeat", 301, 1, "=CA"},
    {"SNV beside N", 398, 1, "?"},
    {"SNV right beside N", 405, 1, "?"},
    {"SNV at the begin", 0, 1, "?"},
    {"SNV near the begin", 7, 1, "?"},
    {"deletion near the begin", 3, 5, "="},
    {"SNV at the end", 599, 1, "?"},
    {"insertion at the end", 599, 1, "=TTG"},
    {"deletion near the end", 580, 20, "="},
};

/// Another base than the reference's for '?'.
std::string fill_in(const Case& c, const std::string& contig) {
  std::string alt = c.alt;
  for (std::size_t i = 0; i < alt.size(); ++i) {
    const char there = contig[static_cast<std::size_t>(c.begin) + i];
    if (alt[i] == '=') alt[i] = there;
    if (alt[i] == '?') alt[i] = there == 'T' ? 'G' : 'T';
  }
  return alt;
}

class VariantScorerOracle : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(VariantScorerOracle, EveryKindOfAllele) {
  const auto [k, stride] = GetParam();
  const RandomModel random = random_model({.k = k, .stride = stride, .window_bases = kWindow});
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const Oracle oracle(random, contig);
  std::vector<Case> cases;
  std::vector<Variant> variants;
  for (const Case& c : kCases) {
    // Where tokens do not overlap, the one token of this allele holds one of the N, or one of the
    // filled bases beyond the contig.
    const bool is_beside_unknown = c.begin == 405 || c.begin == 0 || c.begin >= 580;
    if (stride > 1 && is_beside_unknown) continue;
    cases.push_back(c);
    variants.push_back({"c", c.begin, contig.substr(c.begin, c.n_ref), {fill_in(c, contig)}});
  }
  const auto scored = scorer.score(scorer.prepare(variants)).get();
  ASSERT_EQ(scored.size(), variants.size());
  double spread = 0;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    ASSERT_EQ(scored[i].size(), 1u);
    const AlleleScores& scores = scored[i][0];
    ASSERT_EQ(scores.status, AlleleStatus::ok);
    const Oracle::Scores expected =
        oracle.score(cases[i].begin, variants[i].ref, variants[i].alts[0]);
    EXPECT_NEAR(*scores.log_likelihood_ratio, expected.llr, 1e-4 * (1 + std::abs(expected.llr)));
    EXPECT_NEAR(*scores.promoter, expected.promoter, 1e-4 * (1 + std::abs(expected.promoter)));
    EXPECT_NEAR(*scores.distance, expected.distance, 1e-5);
    EXPECT_GT(*scores.distance, 0);
    spread += std::abs(expected.promoter) + expected.distance;
  }
  EXPECT_GT(spread, 0.1);  // the model is not indifferent
}

INSTANTIATE_TEST_SUITE_P(Tokens, VariantScorerOracle,
                         testing::Values(std::pair{3, 1}, std::pair{5, 1}, std::pair{1, 1},
                                         std::pair{4, 4}));

TEST(VariantScorer, SeveralAllelesOfOneSiteAreEachAsIfAlone) {
  const RandomModel random = random_model({.window_bases = kWindow});
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const std::string ref = contig.substr(320, 3);
  const std::vector<std::string> alts = {ref.substr(0, 1), ref + "ACG", "<DEL>",
                                         ref == "TTT" ? "CTT" : "TTT"};
  const std::vector<Variant> together = {{"c", 320, ref, alts}};
  const auto scored = scorer.score(scorer.prepare(together)).get();
  ASSERT_EQ(scored[0].size(), alts.size());
  for (std::size_t a = 0; a < alts.size(); ++a) {
    const std::vector<Variant> alone = {{"c", 320, ref, {alts[a]}}};
    const AlleleScores expected = scorer.score(scorer.prepare(alone)).get()[0][0];
    EXPECT_EQ(scored[0][a].status, expected.status);
    EXPECT_EQ(scored[0][a].log_likelihood_ratio, expected.log_likelihood_ratio);
    EXPECT_EQ(scored[0][a].promoter, expected.promoter);
    EXPECT_EQ(scored[0][a].distance, expected.distance);
  }
  EXPECT_EQ(scored[0][2].status, AlleleStatus::symbolic);
  EXPECT_FALSE(scored[0][2].distance);
}

TEST(VariantScorer, ScoresDoNotHangOnBatchOrCompany) {
  const RandomModel random = random_model({.window_bases = kWindow});
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  std::vector<Variant> variants;
  for (int position = 10; position < 560; position += 7) {
    const std::string ref = contig.substr(position, 1 + position % 4);
    variants.push_back({"c", position, ref, {ref[0] == 'C' ? "G" : "C"}});
  }
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  std::vector<AlleleScores> alone;
  for (const Variant& variant : variants) {
    alone.push_back(
        scorer.score(scorer.prepare(std::span<const Variant>(&variant, 1))).get()[0][0]);
  }
  for (const std::int64_t batch_size : {0, 1, 8}) {
    VariantScorer other(*random.model, random.tokenizer, genome, {{}, batch_size});
    const auto together = other.score(other.prepare(variants)).get();
    for (std::size_t i = 0; i < variants.size(); ++i) {
      EXPECT_EQ(together[i][0].status, alone[i].status);
      EXPECT_EQ(together[i][0].log_likelihood_ratio, alone[i].log_likelihood_ratio);
      EXPECT_EQ(together[i][0].promoter, alone[i].promoter);
      EXPECT_EQ(together[i][0].distance, alone[i].distance);
    }
  }
}

TEST(VariantScorer, AsksForAChunkBeforeTheNumbersOfTheLastAreTaken) {
  auto recorder = std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1));
  const test::RecordingKernelSet& recording = *recorder;
  const RandomModel random = random_model({.window_bases = kWindow}, std::move(recorder));
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const auto chunk = [&](int position) {
    const std::string ref = contig.substr(position, 1);
    const std::vector<Variant> variants = {{"c", position, ref, {ref == "C" ? "G" : "C"}}};
    return scorer.prepare(variants);
  };
  const AlleleScores first = scorer.score(chunk(100)).get()[0][0];
  const AlleleScores second = scorer.score(chunk(300)).get()[0][0];
  const int before = recording.waits();
  auto one = scorer.score(chunk(100));
  EXPECT_EQ(recording.waits(), before + 1) << "the grid's, which the next windows hang on";
  auto other = scorer.score(chunk(300));
  EXPECT_EQ(recording.waits(), before + 2);
  // Three numbers each: the alternate's log-odds, log-likelihoods, embeddings.
  const AlleleScores second_late = other.get()[0][0], first_late = one.get()[0][0];
  EXPECT_EQ(recording.waits(), before + 2 + 2 * 3);
  for (const auto& [late, now] : {std::pair{first_late, first}, std::pair{second_late, second}}) {
    EXPECT_EQ(late.log_likelihood_ratio, now.log_likelihood_ratio);
    EXPECT_EQ(late.promoter, now.promoter);
    EXPECT_EQ(late.distance, now.distance);
  }
  EXPECT_TRUE(first.promoter && second.promoter);
  EXPECT_NE(first.log_likelihood_ratio, second.log_likelihood_ratio);
}

TEST(VariantScorer, AnAlleleThatChangesNothingHasZeros) {
  const RandomModel random = random_model({.window_bases = kWindow});
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const std::string ref = contig.substr(100, 3);
  const std::vector<Variant> variants = {{"c", 100, ref, {ref}}};
  const AlleleScores scores = scorer.score(scorer.prepare(variants)).get()[0][0];
  EXPECT_EQ(scores.status, AlleleStatus::ok);
  EXPECT_EQ(scores.log_likelihood_ratio, 0);
  EXPECT_EQ(scores.promoter, 0);
  EXPECT_EQ(scores.distance, 0);
}

TEST(VariantScorer, OnlyWhatWasAskedForIsComputed) {
  const RandomModel random = random_model({.window_bases = kWindow, .targets = {}});
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  const std::vector<Variant> variants = {{"c", 250, contig.substr(250, 1), {"ACC"}}};
  const ScoreSet available = available_scores(random.model->config());
  EXPECT_TRUE(available.log_likelihood_ratio);
  EXPECT_FALSE(available.promoter);
  VariantScorer scorer(*random.model, random.tokenizer, genome, {available, 0});
  const AlleleScores scores = scorer.score(scorer.prepare(variants)).get()[0][0];
  EXPECT_TRUE(scores.log_likelihood_ratio);
  EXPECT_FALSE(scores.promoter);
  EXPECT_TRUE(scores.distance);
  EXPECT_THAT([&] { VariantScorer(*random.model, random.tokenizer, genome, {}); },
              throws_data_error("promoter"));
}

TEST(VariantScorer, NumbersThatAreNotFiniteStopTheRun) {
  const RandomModel random = random_model({.window_bases = kWindow});
  random.model->parameters().value("classifier.out_proj.bias").set(std::vector<float>(2, NAN));
  const std::string contig = test_contig();
  const MemoryGenome genome({{"c", contig}});
  VariantScorer scorer(*random.model, random.tokenizer, genome, {});
  const std::vector<Variant> variants = {{"c", 250, contig.substr(250, 1), {"ACC"}}};
  EXPECT_THAT([&] { scorer.score(scorer.prepare(variants)).get(); },
              throws_data_error("not finite", "c:251"));
}

TEST(VariantScorer, WindowsThatDoNotFitTheModelAreRefused) {
  const RandomModel random = random_model({.window_bases = kWindow});
  model::ModelConfig config = random.model->config();
  EXPECT_EQ(score_window_bases(config, random.tokenizer), kWindow);
  config.window_bases = 0;
  EXPECT_EQ(score_window_bases(config, random.tokenizer),
            random.tokenizer.n_bases(config.positions));
  for (const int n_bases : {1000, 5}) {
    config.window_bases = n_bases;
    EXPECT_THAT([&] { score_window_bases(config, random.tokenizer); },
                throws_data_error(std::to_string(n_bases) + " bases", "window_bases"));
  }
}

}  // namespace
}  // namespace dnabird::predict
