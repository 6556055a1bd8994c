// An allele and the stretch of sequence around it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace dnabird::seq {

/// Bases [begin, end) of a contig, normalised to A C G T N; what lies outside of it is N.
using FetchBases = std::function<std::string(std::int64_t begin, std::int64_t end)>;

/// A change of `ref` at `begin` (0-based) into `alt`.
struct Allele {
  std::int64_t begin = 0;
  std::string ref;  // reference bases that are replaced
  std::string alt;  // what stands there instead

  bool operator==(const Allele&) const = default;
};

/// The one writing of an allele that all equal writings share: common suffix and prefix trimmed,
/// shifted left as far as the reference allows, then one reference base put in front if either
/// side is empty (so both sides always have a base, as in VCF; at position 0 the base behind).
/// Source: Tan, Abecasis & Kang 2015, unified representation of genetic variants.
Allele normalize_allele(Allele allele, const FetchBases& fetch);

/// One haplotype cut to a window, and where the allele's own bases lie in it.
struct HaplotypeWindow {
  std::string bases;              // exactly the window's length
  std::int64_t allele_begin = 0;  // in the window
  std::int64_t allele_end = 0;
};

/// `n_bases` bases of the haplotype whose allele starts `offset` bases behind the window's begin.
/// `alternate` picks the alternate or the reference haplotype; both have the same left flank, and
/// the right flank takes up the difference in length.
enum class Haplotype { reference, alternate };
HaplotypeWindow cut_window(const Allele& allele, Haplotype haplotype, std::int64_t offset,
                           std::int64_t n_bases, const FetchBases& fetch);

/// The same window on the other strand.
HaplotypeWindow reverse_complement(const HaplotypeWindow& window);

}  // namespace dnabird::seq
