// The windows that a chunk of variants needs, each of them once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "predict/variant_allele.h"
#include "predict/window_batcher.h"
#include "seq/haplotype.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::predict {

/// Windows by their bases, tokenized once.
class WindowTable {
 public:
  explicit WindowTable(const seq::KmerTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Index of the window among windows().
  std::size_t add(const std::string& bases);
  const std::vector<Tokens>& windows() const { return windows_; }

 private:
  const seq::KmerTokenizer& tokenizer_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<Tokens> windows_;
};

/// Windows whose tokens that touch the allele are [MASK], with what may stand there. Alleles of
/// equal length in the same place share one window.
class MaskedWindowTable {
 public:
  struct Place {
    std::size_t window, candidate;
  };

  explicit MaskedWindowTable(const seq::KmerTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Place add(const seq::HaplotypeWindow& window);
  const std::vector<MaskedWindow>& windows() const { return windows_; }

 private:
  const seq::KmerTokenizer& tokenizer_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<MaskedWindow> windows_;
};

/// Begins of the windows of n_bases on the contig's grid (multiples of n_bases / 6) in which the
/// promoter score of an allele may be measured; see VariantScorer.
std::vector<std::int64_t> promoter_window_begins(const ScorableAllele& scorable,
                                                 std::int64_t n_bases);

}  // namespace dnabird::predict
