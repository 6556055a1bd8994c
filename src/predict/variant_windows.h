// The windows that a chunk of variants needs, each of them once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/distinct_texts.h"
#include "predict/variant_allele.h"
#include "predict/window_batcher.h"
#include "seq/haplotype.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

/// The window, and the same on the reverse strand.
std::array<seq::HaplotypeWindow, 2> both_strands(seq::HaplotypeWindow window);

/// Windows by their bases, tokenized once.
class WindowTable {
 public:
  explicit WindowTable(const seq::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Index of the window.
  std::size_t add(std::string_view bases);
  /// [CLS] tokens [SEP] of each window.
  const std::vector<Tokens>& windows() const { return windows_; }
  /// The bases, numbered as the windows.
  const core::DistinctTexts& bases() const { return bases_; }
  /// The same, and the table is of no more use.
  core::DistinctTexts take_bases() { return std::move(bases_); }

 private:
  const seq::Tokenizer& tokenizer_;
  core::DistinctTexts bases_;
  std::vector<Tokens> windows_;
};

/// Windows whose tokens that touch the allele are [MASK], with what may stand there. Alleles of
/// equal length in the same place, and of as many tokens, share one window.
class MaskedWindowTable {
 public:
  struct Place {
    std::size_t window, candidate;
  };

  explicit MaskedWindowTable(const seq::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Place add(const seq::HaplotypeWindow& window);
  const std::vector<MaskedWindow>& windows() const { return windows_; }

 private:
  const seq::Tokenizer& tokenizer_;
  core::DistinctTexts visible_;  // what shows of each window
  std::vector<MaskedWindow> windows_;
};

/// Where tokens follow the text (BPE), a change moves their borders: both windows' alleles grow to
/// the nearest borders that both haplotypes have, so that all that differs is hidden, what is
/// hidden spells the same bases but for the allele, and the tokens around it are the same. The
/// windows are of one strand, with the same bases left of the allele and the same, as far as both
/// reach, right of it. Other tokenizers leave them as they are.
void widen_to_shared_tokens(const seq::Tokenizer& tokenizer, seq::HaplotypeWindow& reference,
                            seq::HaplotypeWindow& alternate);

/// Begins of the windows of n_bases on the contig's grid (multiples of n_bases / 6) in which the
/// promoter score of an allele may be measured; see VariantScorer.
std::vector<std::int64_t> promoter_window_begins(const ScorableAllele& scorable,
                                                 std::int64_t n_bases);

/// The reference windows there: neighbouring alleles share them, so each place is cut once.
class GridWindows {
 public:
  /// The windows go into `table`, which must outlive this.
  GridWindows(WindowTable& table, std::int64_t n_bases) : table_(table), n_bases_(n_bases) {}

  /// A window and its place in the table on both strands.
  struct Window {
    std::int64_t begin;
    std::array<std::size_t, 2> strands;
  };
  /// Those of promoter_window_begins(), left to right. `contig` by any one name.
  std::vector<Window> around(const std::string& contig, const ScorableAllele& scorable);

 private:
  std::array<std::size_t, 2> add(std::int64_t begin, const ScorableAllele& scorable);

  WindowTable& table_;
  std::int64_t n_bases_;
  std::string contig_;
  std::unordered_map<std::int64_t, std::array<std::size_t, 2>> known_;  // of that contig, by begin
};

}  // namespace dnabird::predict
