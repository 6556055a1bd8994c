// What `dnabird score` says at its end: counts that add up to the input, and what is odd in it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/fasta.h"
#include "io/vcf.h"
#include "predict/variant_allele.h"
#include "predict/variant_scorer.h"

namespace dnabird::pipelines {

/// "z:226: REF is 'A', but 'small.fa' has 'G' there".
std::string describe_mismatch(const io::VariantRecord& record, const io::Fasta& fasta);

class ScoreTally {
 public:
  explicit ScoreTally(const io::Fasta& fasta) : fasta_(fasta) {}

  /// One record with the status of each of its alleles.
  void add(const io::VariantRecord& record, const std::vector<predict::AlleleScores>& alleles);

  std::int64_t records() const { return n_records_; }
  std::int64_t alleles() const;
  /// "200 records in, 200 out; 205 alleles: 202 OK, 3 SYMBOLIC"
  std::string counts() const;
  /// One warning each for records that the FASTA does not fit: REF differs (unless `is_skip`), no
  /// such contig, beyond the contig. Each with the first of them.
  enum class Mismatches { warned_of, passed_over };
  void warn(Mismatches mismatches) const;

 private:
  struct Oddity {
    std::int64_t n_records = 0;
    std::string first;  // what is wrong with the first of them
  };

  const io::Fasta& fasta_;
  std::int64_t n_records_ = 0;
  std::array<std::int64_t, predict::kAlleleStatuses.size()> n_alleles_{};  // by kAlleleStatuses
  Oddity mismatch_, no_contig_, out_of_range_;
};

}  // namespace dnabird::pipelines
