#include "predict/variant_windows.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::predict {

namespace {

constexpr std::int64_t kGridSteps = 6;      // of the grid, in a window
constexpr std::int64_t kUnknownShare = 10;  // at most a tenth of a window
constexpr char kHidden = '?';               // no base

std::int64_t floor_to_multiple(std::int64_t value, std::int64_t step) {
  const std::int64_t remainder = value % step;
  return value - (remainder < 0 ? remainder + step : remainder);
}

/// Where the tokens of a window begin, ascending.
std::vector<std::int64_t> borders_of(const seq::Tokenizer& tokenizer,
                                     const seq::HaplotypeWindow& window) {
  std::vector<std::int64_t> begins;
  for (const seq::BaseSpan& span : tokenizer.encode_with_bases(window.bases).bases) {
    if (span.begin < span.end) begins.push_back(span.begin);
  }
  return begins;
}

}  // namespace

std::array<seq::HaplotypeWindow, 2> both_strands(seq::HaplotypeWindow window) {
  seq::HaplotypeWindow reverse = seq::reverse_complement(window);
  return {std::move(window), std::move(reverse)};
}

std::size_t WindowTable::add(std::string_view bases) {
  const auto [window, is_new] = bases_.add(bases);
  if (is_new) windows_.push_back(tokenizer_.encode(bases));
  return window;
}

MaskedWindowTable::Place MaskedWindowTable::add(const seq::HaplotypeWindow& window) {
  seq::TokenRun hidden = allele_tokens(tokenizer_, window);
  // Every token that shows one of the allele's bases is masked: with the allele hidden, equal bases
  // and as many masks are equal tokens.
  std::string visible = window.bases;
  std::fill(visible.begin() + window.allele_begin, visible.begin() + window.allele_end, kHidden);
  visible += std::to_string(hidden.ids.size());
  const auto [index, is_new] = visible_.add(visible);
  if (is_new) {
    MaskedWindow masked{tokenizer_.encode(window.bases), hidden.first, {}};
    std::fill_n(masked.ids.begin() + hidden.first, hidden.ids.size(), tokenizer_.special().mask);
    windows_.push_back(std::move(masked));
  }
  std::replace(hidden.ids.begin(), hidden.ids.end(), tokenizer_.special().unknown, kNotAsked);
  std::vector<Tokens>& candidates = windows_[index].candidates;
  const auto known = std::find(candidates.begin(), candidates.end(), hidden.ids);
  const auto candidate = static_cast<std::size_t>(known - candidates.begin());
  if (known == candidates.end()) candidates.push_back(std::move(hidden.ids));
  return {index, candidate};
}

void widen_to_shared_tokens(const seq::Tokenizer& tokenizer, seq::HaplotypeWindow& reference,
                            seq::HaplotypeWindow& alternate) {
  if (!tokenizer.borders_follow_text()) return;
  const std::vector<std::int64_t> borders = borders_of(tokenizer, reference);
  const std::vector<std::int64_t> others = borders_of(tokenizer, alternate);
  const auto is_shared = [&](std::int64_t border, std::int64_t shift) {
    return std::binary_search(others.begin(), others.end(), border + shift);
  };
  // The same base lies in the two windows as far apart as the allele's ends do on its side of it.
  const std::int64_t left = alternate.allele_begin - reference.allele_begin;
  const std::int64_t right = alternate.allele_end - reference.allele_end;
  std::int64_t begin = -1, end = -1;
  for (const std::int64_t border : borders) {
    if (border <= reference.allele_begin && is_shared(border, left)) begin = border;
    if (end < 0 && border >= reference.allele_end && is_shared(border, right)) end = border;
  }
  alternate.allele_begin = begin < 0 ? 0 : begin + left;
  reference.allele_begin = std::max<std::int64_t>(begin, 0);
  alternate.allele_end = end < 0 ? static_cast<std::int64_t>(alternate.bases.size()) : end + right;
  reference.allele_end = end < 0 ? static_cast<std::int64_t>(reference.bases.size()) : end;
}

std::vector<std::int64_t> promoter_window_begins(const ScorableAllele& scorable,
                                                 std::int64_t n_bases) {
  const std::int64_t step = std::max<std::int64_t>(1, n_bases / kGridSteps);
  std::vector<std::int64_t> begins, n_unknown;
  for (std::int64_t begin = floor_to_multiple(scorable.allele_end() - n_bases + step - 1, step);
       begin <= scorable.allele.begin; begin += step) {
    begins.push_back(begin);
  }
  core::require(!begins.empty(), "no window of the grid holds an allele of a quarter of it");
  const auto count_unknown = [&](std::int64_t begin, std::int64_t end) {
    const std::string_view bases = scorable.view(begin, end);
    return end - begin - std::count_if(bases.begin(), bases.end(), seq::is_acgt);
  };
  if (count_unknown(begins.front(), begins.back() + n_bases) == 0) return begins;
  for (const std::int64_t begin : begins) {
    n_unknown.push_back(count_unknown(begin, begin + n_bases));
  }
  const std::int64_t most =
      std::max(n_bases / kUnknownShare, *std::min_element(n_unknown.begin(), n_unknown.end()));
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    if (n_unknown[i] <= most) kept.push_back(begins[i]);
  }
  return kept;
}

std::vector<GridWindows::Window> GridWindows::around(const std::string& contig,
                                                     const ScorableAllele& scorable) {
  if (contig != contig_) {
    contig_ = contig;
    known_.clear();
  }
  // REF may name a base that the genome leaves open: such windows are of this allele alone.
  const bool is_of_genome =
      scorable.view(scorable.allele.begin, scorable.allele_end()) == scorable.allele.ref;
  std::vector<Window> windows;
  for (const std::int64_t begin : promoter_window_begins(scorable, n_bases_)) {
    if (!is_of_genome) {
      windows.push_back({begin, add(begin, scorable)});
      continue;
    }
    const auto [known, is_new] = known_.try_emplace(begin);
    if (is_new) known->second = add(begin, scorable);
    windows.push_back({begin, known->second});
  }
  return windows;
}

std::array<std::size_t, 2> GridWindows::add(std::int64_t begin, const ScorableAllele& scorable) {
  const std::string bases = scorable.cut(seq::Haplotype::reference, begin, n_bases_).bases;
  return {table_.add(bases), table_.add(seq::reverse_complement(bases))};
}

}  // namespace dnabird::predict
