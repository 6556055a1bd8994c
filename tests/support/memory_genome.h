// A reference genome in memory, for tests that open no file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "predict/reference_genome.h"
#include "support/random_bases.h"

namespace dnabird::support {

/// Contigs by name; "chrX" also answers to "X".
class MemoryGenome : public predict::ReferenceGenome {
 public:
  explicit MemoryGenome(std::map<std::string, std::string> contigs)
      : contigs_(std::move(contigs)) {}

  std::optional<std::string> resolve(const std::string& contig) const override {
    if (contigs_.contains(contig)) return contig;
    if (contigs_.contains("chr" + contig)) return "chr" + contig;
    return std::nullopt;
  }
  std::int64_t length(const std::string& contig) const override {
    return static_cast<std::int64_t>(contigs_.at(contig).size());
  }
  std::string fetch_raw(const std::string& contig, std::int64_t begin,
                        std::int64_t end) const override {
    begin = std::max<std::int64_t>(begin, 0);
    end = std::min(end, length(contig));
    ++n_fetches;
    if (begin >= end) return {};
    return contigs_.at(contig).substr(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(end - begin));
  }

  mutable int n_fetches = 0;

 private:
  std::map<std::string, std::string> contigs_;
};

}  // namespace dnabird::support
