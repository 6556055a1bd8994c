#include "predict/prepared_variants.h"

#include <utility>

#include "seq/haplotype.h"

namespace dnabird::predict {

using seq::Haplotype;

VariantPreparer::VariantPreparer(const ReferenceGenome& genome, const seq::Tokenizer& tokenizer,
                                 std::int64_t window_bases, const ScoreSet& scores)
    : tokenizer_(tokenizer),
      window_bases_(window_bases),
      scores_(scores),
      checker_(genome, tokenizer, window_bases) {}

void VariantPreparer::add(std::span<const Variant> variants, PreparedVariants& prepared) {
  for (const Variant& variant : variants) {
    std::vector<AlleleScores>& scores = prepared.scores.emplace_back();
    for (auto& [status, scorable] : checker_.check(variant)) {
      scores.push_back({status, {}, {}, {}});
      if (status != AlleleStatus::ok) continue;
      PreparedAllele allele;
      allele.variant = prepared.scores.size() - 1;
      allele.index = scores.size() - 1;
      allele.place = variant.contig + ":" + std::to_string(variant.position + 1);
      allele.scorable = std::move(scorable);
      if (scores_.log_likelihood_ratio) add_masked(prepared, allele);
      if (scores_.promoter) add_grid(prepared, allele);
      if (scores_.distance) add_centred(prepared, allele);
      prepared.alleles.push_back(std::move(allele));
    }
  }
}

void VariantPreparer::add_masked(PreparedVariants& prepared, PreparedAllele& allele) const {
  const ScorableAllele& scorable = allele.scorable;
  const std::int64_t begin = scorable.centred_begin(window_bases_);
  auto reference = both_strands(scorable.cut(Haplotype::reference, begin, window_bases_));
  auto alternate = both_strands(scorable.cut(Haplotype::alternate, begin, window_bases_));
  for (std::size_t s = 0; s < reference.size(); ++s) {
    widen_to_shared_tokens(tokenizer_, reference[s], alternate[s]);
    allele.masked[s] = {prepared.masked.add(reference[s]), prepared.masked.add(alternate[s])};
  }
}

void VariantPreparer::add_centred(PreparedVariants& prepared, PreparedAllele& allele) const {
  const ScorableAllele& scorable = allele.scorable;
  const std::int64_t begin = scorable.centred_begin(window_bases_);
  const auto reference = both_strands(scorable.cut(Haplotype::reference, begin, window_bases_));
  const auto alternate = both_strands(scorable.cut(Haplotype::alternate, begin, window_bases_));
  for (std::size_t s = 0; s < reference.size(); ++s) {
    allele.centred[s] = {prepared.centred.add(reference[s].bases),
                         prepared.centred.add(alternate[s].bases)};
  }
}

void VariantPreparer::add_grid(PreparedVariants& prepared, PreparedAllele& allele) const {
  const ScorableAllele& scorable = allele.scorable;
  allele.grid_begins = promoter_window_begins(scorable, window_bases_);
  for (const std::int64_t begin : allele.grid_begins) {
    const auto window = scorable.cut(Haplotype::reference, begin, window_bases_);
    for (const auto& strand : both_strands(window)) {
      allele.grid.push_back(prepared.grid.add(strand.bases));
    }
  }
}

}  // namespace dnabird::predict
