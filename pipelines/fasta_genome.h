// A FASTA file as the reference genome of predictors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/fasta.h"
#include "predict/reference_genome.h"

namespace dnabird::pipelines {

/// The FASTA must outlive it.
class FastaGenome : public predict::ReferenceGenome {
 public:
  explicit FastaGenome(const io::Fasta& fasta) : fasta_(fasta) {}

  std::optional<std::string> resolve(const std::string& contig) const override {
    return fasta_.resolve(contig);
  }
  std::int64_t length(const std::string& contig) const override { return fasta_.length(contig); }
  std::string fetch_raw(const std::string& contig, std::int64_t begin,
                        std::int64_t end) const override {
    return fasta_.fetch_raw(contig, begin, end);
  }

 private:
  const io::Fasta& fasta_;
};

}  // namespace dnabird::pipelines
