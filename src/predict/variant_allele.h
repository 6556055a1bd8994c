// What of a variant can be scored, and each allele in its one canonical writing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "predict/reference_genome.h"
#include "predict/window_batcher.h"
#include "seq/haplotype.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

/// A record's alleles as a VCF writes them.
struct Variant {
  std::string contig;
  std::int64_t position = 0;  // 0-based
  std::string ref;
  std::vector<std::string> alts;
};

/// The first of these reasons that holds, in this order, is an allele's status.
enum class AlleleStatus {
  ok,
  symbolic,      // not a sequence of bases: <...>, *, a breakend, "."
  no_contig,     // the genome has no such contig
  out_of_range,  // the position lies outside the contig
  ref_mismatch,  // REF differs from the genome, or runs past the contig's end
  too_long,      // the longer allele exceeds a quarter of the window
  n_rich,        // the allele, or more than a tenth of the window's part of the contig, is not
                 // A C G T
};
inline constexpr std::array kAlleleStatuses = {
    AlleleStatus::ok,           AlleleStatus::ref_mismatch, AlleleStatus::no_contig,
    AlleleStatus::symbolic,     AlleleStatus::too_long,     AlleleStatus::n_rich,
    AlleleStatus::out_of_range,
};

/// "OK", "REF_MISMATCH", ...
const char* status_name(AlleleStatus status);

/// True if every base of REF may be the genome's: letter case aside, and an IUPAC code on either
/// side stands for each of its bases. `genome` may be shorter (the contig ends): then false.
bool is_same_reference(const std::string& ref, const std::string& genome);

/// An allele that can be scored, with the sequence around it.
struct ScorableAllele {
  seq::Allele allele;      // canonical: seq::normalize_allele
  std::int64_t begin = 0;  // of `bases` on the contig
  std::string bases;       // one window to either side of the allele

  std::int64_t allele_end() const {
    return allele.begin + static_cast<std::int64_t>(allele.ref.size());
  }
  /// Bases [from, to) of the contig, as far as they are here.
  std::string_view view(std::int64_t from, std::int64_t to) const {
    return std::string_view(bases).substr(static_cast<std::size_t>(from - begin),
                                          static_cast<std::size_t>(to - from));
  }
  /// A window of n_bases that begins at `window_begin` of the contig; see seq::cut_window.
  seq::HaplotypeWindow cut(seq::Haplotype haplotype, std::int64_t window_begin,
                           std::int64_t n_bases) const;
  /// Begin of the window of n_bases with the reference allele in its middle.
  std::int64_t centred_begin(std::int64_t n_bases) const;
};

/// The tokens of a window that touch its allele.
seq::TokenRun allele_tokens(const seq::Tokenizer& tokenizer, const seq::HaplotypeWindow& window);

class AlleleChecker {
 public:
  /// All of them must outlive the checker.
  AlleleChecker(const ReferenceGenome& genome, const seq::Tokenizer& tokenizer,
                std::int64_t window_bases);

  /// One pair for each ALT; the allele is filled where the status is ok.
  std::vector<std::pair<AlleleStatus, ScorableAllele>> check(const Variant& variant);

 private:
  AlleleStatus check_site(const Variant& variant);
  AlleleStatus make_canonical(const Variant& variant, const std::string& alt,
                              ScorableAllele& result);
  bool has_known_surroundings(const ScorableAllele& scorable) const;

  ReferenceCursor reference_;
  const seq::Tokenizer& tokenizer_;
  std::int64_t window_bases_;
};

}  // namespace dnabird::predict
