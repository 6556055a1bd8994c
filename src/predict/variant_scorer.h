// The effect of variants as a DNA language model sees it: three numbers for each allele.
#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <span>
#include <string>
#include <vector>

#include "core/distinct_texts.h"
#include "model/model.h"
#include "predict/prepared_variants.h"
#include "predict/reference_genome.h"
#include "predict/window_batcher.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

/// What the heads of a model allow for.
ScoreSet available_scores(const model::ModelConfig& config);

/// Bases that score cuts for a model: its window_bases, or all that its positions hold. Throws
/// DataError if that is too short to score in or too long for its positions.
std::int64_t score_window_bases(const model::ModelConfig& config, const seq::Tokenizer& tokenizer);

struct VariantScorerOptions {
  ScoreSet scores;
  std::int64_t batch_size = 0;  // windows run at once; 0 = chosen
};

/// Every allele is brought to its canonical writing first (seq::normalize_allele), and all else
/// follows from that: equal alleles have equal scores, bit for bit, whatever shares a call or a
/// batch with them. W = score_window_bases(); a window that passes an end of the contig is filled
/// with N; "centred" windows begin (W - |ref|) / 2 bases before the allele.
///
/// log_likelihood_ratio: in the centred window of each haplotype every token that touches the
/// allele is [MASK]; the haplotype's log-likelihood is the sum of log p(true token) over these,
/// natural log, divided by the tokens that cover a base (k / stride, BPE 1); tokens with an unknown
/// base are left out. Where tokens follow the text, what is masked reaches to the nearest borders
/// that the tokens of both haplotypes share (widen_to_shared_tokens). Alternate minus reference,
/// mean of both strands. (Masked marginals of Meier et al. 2021, for alleles of any length.)
///
/// promoter: windows lie on a grid of the contig, begins at multiples of W/6. Of the grid's windows
/// and strands that hold the whole reference allele, those with more unknown bases than a tenth, or
/// than the one that has fewest, left out, the one with the largest promoter log-odds is taken
/// (ties: leftmost, forward strand), and the alternate haplotype is cut at the same begin.
/// Log-odds of the alternate minus the reference.
///
/// distance: cosine distance of the mean-pooled embeddings of the centred windows of both
/// haplotypes, nothing masked, mean of both strands.
class VariantScorer {
 public:
  /// All of them must outlive the scorer. Throws DataError if a score was asked for that the model
  /// has no head for.
  VariantScorer(const model::Model& model, const seq::Tokenizer& tokenizer,
                const ReferenceGenome& genome, const VariantScorerOptions& options);

  /// Alleles to hand over at once: enough to share windows and fill batches, few enough that the
  /// windows of one call take some tens of megabytes.
  std::size_t alleles_at_once() const;

  /// What comes before the model: on any threads, several at once if the genome allows for that.
  PreparedVariants prepare(std::span<const Variant> variants) const {
    return preparer_.prepare(variants);
  }

  using Scores = std::vector<std::vector<AlleleScores>>;
  /// For each variant one entry for each ALT, by get(), on any thread, while the scorer may be
  /// asked for more; it must be there until then. Equal windows are run once, reference windows of
  /// the grid also when the call before had them. get() throws DataError if the model's numbers are
  /// not finite.
  std::future<Scores> score(PreparedVariants&& prepared);

  /// Seconds so far in which the model was at work for score(), or asked to be.
  double model_seconds() const { return batcher_.seconds(); }

 private:
  /// Log-odds of the grid's windows: those that the call before had, the others to be computed.
  struct AskedGrid {
    std::vector<double> log_odds;
    std::vector<std::size_t> missing;
    std::future<std::vector<double>> computed;
  };
  /// For each allele the log-odds of the reference, and which of the alternate's is its own.
  struct AskedPromoters {
    std::vector<double> reference;
    std::vector<std::size_t> windows;
    std::future<std::vector<double>> alternate;
  };
  AskedGrid ask_grid(const WindowTable& grid) const;
  std::vector<double> take_grid(AskedGrid asked, PreparedVariants& prepared);
  AskedPromoters ask_promoters(const PreparedVariants& prepared,
                               const std::vector<double>& grid_log_odds) const;
  void set_log_likelihood_ratios(const std::vector<std::vector<double>>& sums,
                                 PreparedVariants& prepared) const;
  static void set_promoters(AskedPromoters asked, PreparedVariants& prepared);
  void set_distances(const std::vector<float>& embeddings, PreparedVariants& prepared) const;

  const seq::Tokenizer& tokenizer_;
  ScoreSet scores_;
  std::int64_t window_bases_;
  WindowBatcher batcher_;
  VariantPreparer preparer_;
  // Of the last call: the grid's windows by their bases, and their log-odds.
  core::DistinctTexts last_grid_;
  std::vector<double> last_log_odds_;
};

}  // namespace dnabird::predict
