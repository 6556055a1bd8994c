// Variants as far as they come without a model: alleles checked, windows cut and tokenized.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "predict/reference_genome.h"
#include "predict/variant_allele.h"
#include "predict/variant_windows.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

/// Which numbers are wanted, or can be had.
struct ScoreSet {
  bool log_likelihood_ratio = true;
  bool promoter = true;
  bool distance = true;
};

/// Numbers are there where the status is ok and they were asked for.
struct AlleleScores {
  AlleleStatus status = AlleleStatus::ok;
  std::optional<float> log_likelihood_ratio, promoter, distance;
};

/// An allele that can be scored, where its scores belong, and its windows in the tables.
struct PreparedAllele {
  std::size_t variant = 0, index = 0;  // of PreparedVariants::scores
  std::string place;                   // contig:position of the variant, 1-based
  ScorableAllele scorable;
  std::array<std::array<MaskedWindowTable::Place, 2>, 2> masked{};  // [strand][haplotype]
  std::array<std::array<std::size_t, 2>, 2> centred{};              // [strand][haplotype]
  std::vector<GridWindows::Window> grid;                            // left to right
};

/// Windows that are equal are there once, also those of different variants.
struct PreparedVariants {
  explicit PreparedVariants(const seq::Tokenizer& tokenizer)
      : masked(tokenizer), centred(tokenizer), grid(tokenizer) {}

  std::vector<std::vector<AlleleScores>> scores;  // of each variant and ALT; status alone
  std::vector<PreparedAllele> alleles;            // those whose status is ok
  MaskedWindowTable masked;                       // for log_likelihood_ratio
  WindowTable centred;                            // for distance
  WindowTable grid;                               // for promoter: reference haplotypes
};

/// See VariantScorer for what the windows are.
class VariantPreparer {
 public:
  /// Genome and tokenizer must outlive it.
  VariantPreparer(const ReferenceGenome& genome, const seq::Tokenizer& tokenizer,
                  std::int64_t window_bases, const ScoreSet& scores);

  /// May be called on several threads at once, if the genome may.
  PreparedVariants prepare(std::span<const Variant> variants) const;

 private:
  void add_centred(PreparedVariants& prepared, PreparedAllele& allele) const;

  const ReferenceGenome& genome_;
  const seq::Tokenizer& tokenizer_;
  std::int64_t window_bases_;
  ScoreSet scores_;
};

}  // namespace dnabird::predict
