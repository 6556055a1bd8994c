#include "predict/variant_scorer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/errors.h"
#include "predict/variant_windows.h"
#include "seq/haplotype.h"

namespace dnabird::predict {

using seq::Haplotype;
using seq::HaplotypeWindow;

namespace {

// Neighbours that share windows, yet few seconds from one sign of progress to the next.
constexpr std::int64_t kMostVariants = 64;
// An allele may need some twenty windows; this bounds what the windows of a call take.
constexpr std::int64_t kBasesAtOnce = 1 << 18;
constexpr std::int64_t kFewestTokens = 4;  // of the longest, in a window

constexpr std::array kHaplotypes = {Haplotype::reference, Haplotype::alternate};

std::array<HaplotypeWindow, 2> both_strands(HaplotypeWindow window) {
  HaplotypeWindow reverse = seq::reverse_complement(window);
  return {std::move(window), std::move(reverse)};
}

/// 1 - cos(u, v) as half the squared distance of the unit vectors, which is exact for equal ones
/// and keeps the digits of small distances.
double cosine_distance(std::span<const float> u, std::span<const float> v) {
  double uu = 0, vv = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    uu += static_cast<double>(u[i]) * u[i];
    vv += static_cast<double>(v[i]) * v[i];
  }
  const double u_scale = 1 / std::sqrt(uu), v_scale = 1 / std::sqrt(vv);
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double difference = u[i] * u_scale - v[i] * v_scale;
    sum += difference * difference;
  }
  return sum / 2;
}

}  // namespace

ScoreSet available_scores(const model::ModelConfig& config) {
  return {.log_likelihood_ratio = config.masked_lm,
          .promoter = promoter_class(config).has_value(),
          .distance = true};
}

std::int64_t score_window_bases(const model::ModelConfig& config, const seq::Tokenizer& tokenizer) {
  const std::int64_t most = tokenizer.n_bases(config.positions);
  const std::int64_t n_bases = config.window_bases > 0 ? config.window_bases : most;
  if (n_bases > most || n_bases < kFewestTokens * tokenizer.longest_token()) {
    throw core::DataError("a window of " + std::to_string(n_bases) +
                          " bases (window_bases of the model's config.json); its " +
                          std::to_string(config.positions) + " positions allow for " +
                          std::to_string(kFewestTokens * tokenizer.longest_token()) + " to " +
                          std::to_string(most));
  }
  return n_bases;
}

VariantScorer::VariantScorer(const model::Model& model, const seq::Tokenizer& tokenizer,
                             const ReferenceGenome& genome, const VariantScorerOptions& options)
    : tokenizer_(tokenizer),
      scores_(options.scores),
      window_bases_(score_window_bases(model.config(), tokenizer)),
      batcher_(model, options.batch_size),
      checker_(genome, tokenizer, window_bases_) {
  const ScoreSet available = available_scores(model.config());
  if (scores_.log_likelihood_ratio && !available.log_likelihood_ratio) {
    throw core::DataError("the model has no masked-token head, which the score llr needs");
  }
  if (scores_.promoter && !available.promoter) {
    throw core::DataError("the model has no class 'promoter', which the score prom needs");
  }
}

std::size_t VariantScorer::variants_at_once() const {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(kBasesAtOnce / window_bases_, 1, kMostVariants));
}

std::vector<std::vector<AlleleScores>> VariantScorer::score(std::span<const Variant> variants) {
  std::vector<std::vector<AlleleScores>> result(variants.size());
  std::vector<Job> jobs;
  std::vector<const Variant*> owners;  // of jobs
  for (std::size_t v = 0; v < variants.size(); ++v) {
    auto checked = checker_.check(variants[v]);
    result[v].resize(checked.size());
    for (std::size_t a = 0; a < checked.size(); ++a) {
      result[v][a].status = checked[a].first;
      if (checked[a].first != AlleleStatus::ok) continue;
      jobs.push_back({std::move(checked[a].second), &result[v][a]});
      owners.push_back(&variants[v]);
    }
  }
  if (scores_.log_likelihood_ratio) score_log_likelihood_ratio(jobs);
  if (scores_.promoter) score_promoter(jobs);
  if (scores_.distance) score_distance(jobs);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const AlleleScores& scores = *jobs[j].scores;
    for (const auto& number : {scores.log_likelihood_ratio, scores.promoter, scores.distance}) {
      if (number && !std::isfinite(*number)) {
        throw core::DataError("the model's numbers are not finite at " + owners[j]->contig + ":" +
                              std::to_string(owners[j]->position + 1) +
                              "; its weights are damaged or its training diverged");
      }
    }
  }
  return result;
}

void VariantScorer::score_log_likelihood_ratio(std::span<const Job> jobs) const {
  // Places of each job: [strand][haplotype].
  std::vector<std::array<std::array<MaskedWindowTable::Place, 2>, 2>> places(jobs.size());
  MaskedWindowTable table(tokenizer_);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const ScorableAllele& scorable = jobs[j].scorable;
    const std::int64_t begin = scorable.centred_begin(window_bases_);
    auto reference = both_strands(scorable.cut(Haplotype::reference, begin, window_bases_));
    auto alternate = both_strands(scorable.cut(Haplotype::alternate, begin, window_bases_));
    for (std::size_t s = 0; s < reference.size(); ++s) {
      widen_to_shared_tokens(tokenizer_, reference[s], alternate[s]);
      places[j][s] = {table.add(reference[s]), table.add(alternate[s])};
    }
  }
  const auto sums = batcher_.candidate_log_likelihoods(table.windows());
  const auto sum_at = [&](const MaskedWindowTable::Place& place) {
    return sums[place.window][place.candidate];
  };
  const double tokens_of_a_base = tokenizer_.tokens_of_a_base();
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    double ratio = 0;
    for (const auto& strand : places[j]) ratio += sum_at(strand[1]) - sum_at(strand[0]);
    jobs[j].scores->log_likelihood_ratio = static_cast<float>(ratio / 2 / tokens_of_a_base);
  }
}

void VariantScorer::score_promoter(std::span<const Job> jobs) const {
  std::vector<std::vector<std::int64_t>> begins(jobs.size());
  std::vector<std::vector<std::size_t>> references(jobs.size());  // two for each begin
  WindowTable grid(tokenizer_);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const ScorableAllele& scorable = jobs[j].scorable;
    begins[j] = promoter_window_begins(scorable, window_bases_);
    for (const std::int64_t begin : begins[j]) {
      const auto window = scorable.cut(Haplotype::reference, begin, window_bases_);
      for (const auto& strand : both_strands(window)) {
        references[j].push_back(grid.add(strand.bases));
      }
    }
  }
  const std::vector<double> reference_log_odds = batcher_.promoter_log_odds(grid.windows());
  std::vector<double> best(jobs.size());
  std::vector<std::size_t> alternates(jobs.size());
  WindowTable changed(tokenizer_);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto largest = std::max_element(  // the first of equal ones
        references[j].begin(), references[j].end(), [&](std::size_t a, std::size_t b) {
          return reference_log_odds[a] < reference_log_odds[b];
        });
    const auto index = static_cast<std::size_t>(largest - references[j].begin());
    best[j] = reference_log_odds[*largest];
    const auto window =
        jobs[j].scorable.cut(Haplotype::alternate, begins[j][index / 2], window_bases_);
    alternates[j] = changed.add(both_strands(window)[index % 2].bases);
  }
  const std::vector<double> alternate_log_odds = batcher_.promoter_log_odds(changed.windows());
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    jobs[j].scores->promoter = static_cast<float>(alternate_log_odds[alternates[j]] - best[j]);
  }
}

void VariantScorer::score_distance(std::span<const Job> jobs) const {
  std::vector<std::array<std::array<std::size_t, 2>, 2>> places(
      jobs.size());  // [strand][haplotype]
  WindowTable table(tokenizer_);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const ScorableAllele& scorable = jobs[j].scorable;
    const std::int64_t begin = scorable.centred_begin(window_bases_);
    for (std::size_t h = 0; h < kHaplotypes.size(); ++h) {
      const auto strands = both_strands(scorable.cut(kHaplotypes[h], begin, window_bases_));
      for (std::size_t s = 0; s < strands.size(); ++s) {
        places[j][s][h] = table.add(strands[s].bases);
      }
    }
  }
  const std::vector<float> embeddings = batcher_.embeddings(table.windows());  // (n,C)
  const auto channels = static_cast<std::size_t>(batcher_.model().config().channels);
  const auto embedding = [&](std::size_t window) {
    return std::span<const float>(embeddings).subspan(window * channels, channels);
  };
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    double distance = 0;
    for (const auto& strand : places[j]) {
      distance += cosine_distance(embedding(strand[0]), embedding(strand[1]));
    }
    jobs[j].scores->distance = static_cast<float>(distance / 2);
  }
}

}  // namespace dnabird::predict
