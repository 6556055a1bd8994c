#include "predict/prepared_variants.h"

#include <utility>

#include "seq/haplotype.h"

namespace dnabird::predict {

using seq::Haplotype;

VariantPreparer::VariantPreparer(const ReferenceGenome& genome, const seq::Tokenizer& tokenizer,
                                 std::int64_t window_bases, const ScoreSet& scores)
    : genome_(genome), tokenizer_(tokenizer), window_bases_(window_bases), scores_(scores) {}

PreparedVariants VariantPreparer::prepare(std::span<const Variant> variants) const {
  PreparedVariants prepared(tokenizer_);
  AlleleChecker checker(genome_, tokenizer_, window_bases_);
  GridWindows grid(prepared.grid, window_bases_);
  for (const Variant& variant : variants) {
    std::vector<AlleleScores>& scores = prepared.scores.emplace_back();
    for (auto& [status, scorable] : checker.check(variant)) {
      scores.push_back({status, {}, {}, {}});
      if (status != AlleleStatus::ok) continue;
      PreparedAllele allele;
      allele.variant = prepared.scores.size() - 1;
      allele.index = scores.size() - 1;
      allele.place = variant.contig + ":" + std::to_string(variant.position + 1);
      allele.scorable = std::move(scorable);
      if (scores_.log_likelihood_ratio || scores_.distance) add_centred(prepared, allele);
      if (scores_.promoter) allele.grid = grid.around(variant.contig, allele.scorable);
      prepared.alleles.push_back(std::move(allele));
    }
  }
  return prepared;
}

void VariantPreparer::add_centred(PreparedVariants& prepared, PreparedAllele& allele) const {
  const ScorableAllele& scorable = allele.scorable;
  const std::int64_t begin = scorable.centred_begin(window_bases_);
  auto reference = both_strands(scorable.cut(Haplotype::reference, begin, window_bases_));
  auto alternate = both_strands(scorable.cut(Haplotype::alternate, begin, window_bases_));
  for (std::size_t s = 0; s < reference.size(); ++s) {
    if (scores_.distance) {
      allele.centred[s] = {prepared.centred.add(reference[s].bases),
                           prepared.centred.add(alternate[s].bases)};
    }
    if (scores_.log_likelihood_ratio) {
      widen_to_shared_tokens(tokenizer_, reference[s], alternate[s]);
      allele.masked[s] = {prepared.masked.add(reference[s]), prepared.masked.add(alternate[s])};
    }
  }
}

}  // namespace dnabird::predict
