#include "predict/variant_scorer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/errors.h"
#include "seq/alphabet.h"
#include "seq/haplotype.h"

namespace dnabird::predict {

using seq::Haplotype;

namespace {

// For each token of a batch. 64 alleles on the CPU: neighbours that share windows, yet few seconds
// from one sign of progress to the next. An allele may need some twenty windows; the bases bound
// what the windows of a call take.
constexpr std::int64_t kTokensPerAllele = 64, kBasesPerToken = 64;
constexpr std::int64_t kFewestTokens = 4;  // of the longest, in a window

struct GridChoice {
  const GridWindows::Window* window;
  std::size_t strand;
  double log_odds;
};

/// Of windows and strands the one of largest log-odds, the first of equal ones.
GridChoice likeliest(const std::vector<GridWindows::Window>& windows,
                     const std::vector<double>& log_odds) {
  GridChoice best{&windows[0], 0, log_odds[windows[0].strands[0]]};
  for (const GridWindows::Window& window : windows) {
    for (std::size_t s = 0; s < window.strands.size(); ++s) {
      const double own = log_odds[window.strands[s]];
      if (best.log_odds < own) best = {&window, s, own};
    }
  }
  return best;
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

void check_finite(const PreparedVariants& prepared) {
  for (const PreparedAllele& allele : prepared.alleles) {
    const AlleleScores& scores = prepared.scores[allele.variant][allele.index];
    for (const auto& number : {scores.log_likelihood_ratio, scores.promoter, scores.distance}) {
      if (number && !std::isfinite(*number)) {
        throw core::DataError("the model's numbers are not finite at " + allele.place +
                              "; its weights are damaged or its training diverged");
      }
    }
  }
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
      preparer_(genome, tokenizer, window_bases_, scores_) {
  const ScoreSet available = available_scores(model.config());
  if (scores_.log_likelihood_ratio && !available.log_likelihood_ratio) {
    throw core::DataError("the model has no masked-token head, which the score llr needs");
  }
  if (scores_.promoter && !available.promoter) {
    throw core::DataError("the model has no class 'promoter', which the score prom needs");
  }
}

std::size_t VariantScorer::alleles_at_once() const {
  const std::int64_t tokens = batcher_.model().kernels().tokens_per_batch();
  return static_cast<std::size_t>(std::clamp<std::int64_t>(kBasesPerToken * tokens / window_bases_,
                                                           1, tokens / kTokensPerAllele));
}

std::future<VariantScorer::Scores> VariantScorer::score(PreparedVariants&& prepared) {
  // While the device is at the first windows, the host makes those that hang on an answer.
  std::optional<AskedGrid> grid;
  if (scores_.promoter) grid = ask_grid(prepared.grid);
  std::future<std::vector<std::vector<double>>> sums;
  if (scores_.log_likelihood_ratio) {
    sums = batcher_.candidate_log_likelihoods(prepared.masked.windows());
  }
  std::optional<AskedPromoters> promoters;
  if (scores_.promoter) promoters = ask_promoters(prepared, take_grid(std::move(*grid), prepared));
  std::future<std::vector<float>> embeddings;
  if (scores_.distance) embeddings = batcher_.embeddings(prepared.centred.windows());
  return std::async(
      std::launch::deferred,
      [this, prepared = std::move(prepared), sums = std::move(sums),
       promoters = std::move(promoters), embeddings = std::move(embeddings)]() mutable {
        if (sums.valid()) set_log_likelihood_ratios(sums.get(), prepared);
        if (promoters) set_promoters(std::move(*promoters), prepared);
        if (embeddings.valid()) set_distances(embeddings.get(), prepared);
        check_finite(prepared);
        return std::move(prepared.scores);
      });
}

void VariantScorer::set_log_likelihood_ratios(const std::vector<std::vector<double>>& sums,
                                              PreparedVariants& prepared) const {
  const auto sum_at = [&](const MaskedWindowTable::Place& place) {
    return sums[place.window][place.candidate];
  };
  const double tokens_of_a_base = tokenizer_.tokens_of_a_base();
  for (const PreparedAllele& allele : prepared.alleles) {
    double ratio = 0;
    for (const auto& strand : allele.masked) ratio += sum_at(strand[1]) - sum_at(strand[0]);
    prepared.scores[allele.variant][allele.index].log_likelihood_ratio =
        static_cast<float>(ratio / 2 / tokens_of_a_base);
  }
}

VariantScorer::AskedGrid VariantScorer::ask_grid(const WindowTable& grid) const {
  AskedGrid asked;
  asked.log_odds.resize(grid.windows().size());
  std::vector<model::SequenceList::Sequence> windows;
  for (std::size_t i = 0; i < asked.log_odds.size(); ++i) {
    if (const auto known = last_grid_.find(grid.bases()[i])) {
      asked.log_odds[i] = last_log_odds_[*known];
    } else {
      asked.missing.push_back(i);
      windows.emplace_back(grid.windows()[i]);
    }
  }
  asked.computed = batcher_.promoter_log_odds(windows);
  return asked;
}

std::vector<double> VariantScorer::take_grid(AskedGrid asked, PreparedVariants& prepared) {
  const std::vector<double> computed = asked.computed.get();
  for (std::size_t i = 0; i < computed.size(); ++i) asked.log_odds[asked.missing[i]] = computed[i];
  last_grid_ = prepared.grid.take_bases();
  last_log_odds_ = asked.log_odds;
  return std::move(asked.log_odds);
}

VariantScorer::AskedPromoters VariantScorer::ask_promoters(
    const PreparedVariants& prepared, const std::vector<double>& grid_log_odds) const {
  AskedPromoters asked;
  WindowTable changed(tokenizer_);
  for (const PreparedAllele& allele : prepared.alleles) {
    const auto [window, strand, log_odds] = likeliest(allele.grid, grid_log_odds);
    asked.reference.push_back(log_odds);
    const auto alternate = allele.scorable.cut(Haplotype::alternate, window->begin, window_bases_);
    asked.windows.push_back(
        changed.add(strand == 0 ? alternate.bases : seq::reverse_complement(alternate.bases)));
  }
  asked.alternate = batcher_.promoter_log_odds(changed.windows());
  return asked;
}

void VariantScorer::set_promoters(AskedPromoters asked, PreparedVariants& prepared) {
  const std::vector<double> alternate = asked.alternate.get();
  for (std::size_t i = 0; i < prepared.alleles.size(); ++i) {
    const PreparedAllele& allele = prepared.alleles[i];
    prepared.scores[allele.variant][allele.index].promoter =
        static_cast<float>(alternate[asked.windows[i]] - asked.reference[i]);
  }
}

void VariantScorer::set_distances(const std::vector<float>& embeddings,
                                  PreparedVariants& prepared) const {
  const auto channels = static_cast<std::size_t>(batcher_.model().config().channels);
  const auto embedding = [&](std::size_t window) {  // of (n,C)
    return std::span<const float>(embeddings).subspan(window * channels, channels);
  };
  for (const PreparedAllele& allele : prepared.alleles) {
    double distance = 0;
    for (const auto& strand : allele.centred) {
      distance += cosine_distance(embedding(strand[0]), embedding(strand[1]));
    }
    prepared.scores[allele.variant][allele.index].distance = static_cast<float>(distance / 2);
  }
}

}  // namespace dnabird::predict
