#include "predict/variant_allele.h"

#include <algorithm>
#include <string_view>

#include "seq/alphabet.h"

namespace dnabird::predict {

namespace {

// Shares of the window.
constexpr std::int64_t kLongestAllele = 4;
constexpr double kMostUnknown = 0.1;

bool is_sequence(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char letter) { return seq::iupac_includes('N', letter); });
}

bool is_all_known(const std::string& bases) {
  return std::all_of(bases.begin(), bases.end(), seq::is_acgt);
}

/// Takes common bases off both ends; leaves a side empty rather than shift.
void trim(seq::Allele& allele) {
  std::string &ref = allele.ref, &alt = allele.alt;
  while (!ref.empty() && !alt.empty() && ref.back() == alt.back()) {
    ref.pop_back();
    alt.pop_back();
  }
  std::size_t same = 0;
  while (same < std::min(ref.size(), alt.size()) && ref[same] == alt[same]) ++same;
  ref.erase(0, same);
  alt.erase(0, same);
  allele.begin += static_cast<std::int64_t>(same);
}

}  // namespace

const char* status_name(AlleleStatus status) {
  switch (status) {
    case AlleleStatus::ok:
      return "OK";
    case AlleleStatus::symbolic:
      return "SYMBOLIC";
    case AlleleStatus::no_contig:
      return "NO_CONTIG";
    case AlleleStatus::out_of_range:
      return "OUT_OF_RANGE";
    case AlleleStatus::ref_mismatch:
      return "REF_MISMATCH";
    case AlleleStatus::too_long:
      return "TOO_LONG";
    case AlleleStatus::n_rich:
      return "N_RICH";
  }
  return "";
}

bool is_same_reference(const std::string& ref, const std::string& genome) {
  if (genome.size() < ref.size()) return false;
  constexpr std::string_view kBases = "ACGT";
  for (std::size_t i = 0; i < ref.size(); ++i) {
    if (std::none_of(kBases.begin(), kBases.end(), [&](char base) {
          return seq::iupac_includes(ref[i], base) && seq::iupac_includes(genome[i], base);
        })) {
      return false;
    }
  }
  return true;
}

seq::HaplotypeWindow ScorableAllele::cut(seq::Haplotype haplotype, std::int64_t window_begin,
                                         std::int64_t n_bases) const {
  return seq::cut_window(
      allele, haplotype, allele.begin - window_begin, n_bases,
      [this](std::int64_t from, std::int64_t to) { return std::string(view(from, to)); });
}

std::int64_t ScorableAllele::centred_begin(std::int64_t n_bases) const {
  return allele.begin - (n_bases - static_cast<std::int64_t>(allele.ref.size())) / 2;
}

seq::TokenRun allele_tokens(const seq::Tokenizer& tokenizer, const seq::HaplotypeWindow& window) {
  return tokenizer.tokens_at(window.bases, window.allele_begin, window.allele_end);
}

AlleleChecker::AlleleChecker(const ReferenceGenome& genome, const seq::Tokenizer& tokenizer,
                             std::int64_t window_bases)
    : reference_(genome), tokenizer_(tokenizer), window_bases_(window_bases) {}

std::vector<std::pair<AlleleStatus, ScorableAllele>> AlleleChecker::check(const Variant& variant) {
  const AlleleStatus site = check_site(variant);
  std::vector<std::pair<AlleleStatus, ScorableAllele>> result(variant.alts.size());
  for (std::size_t i = 0; i < variant.alts.size(); ++i) {
    auto& [status, scorable] = result[i];
    if (!is_sequence(variant.alts[i])) {
      status = AlleleStatus::symbolic;
    } else if (site != AlleleStatus::ok) {
      status = site;
    } else {
      status = make_canonical(variant, variant.alts[i], scorable);
    }
  }
  return result;
}

AlleleStatus AlleleChecker::check_site(const Variant& variant) {
  if (!reference_.select(variant.contig)) return AlleleStatus::no_contig;
  if (variant.position < 0 || variant.position >= reference_.length()) {
    return AlleleStatus::out_of_range;
  }
  const std::int64_t end = variant.position + static_cast<std::int64_t>(variant.ref.size());
  return is_same_reference(variant.ref, reference_.raw(variant.position, end))
             ? AlleleStatus::ok
             : AlleleStatus::ref_mismatch;
}

AlleleStatus AlleleChecker::make_canonical(const Variant& variant, const std::string& alt,
                                           ScorableAllele& result) {
  seq::Allele& allele = result.allele;
  allele = {variant.position, seq::normalize(variant.ref), seq::normalize(alt)};
  const std::string genome =
      reference_.bases(allele.begin, allele.begin + static_cast<std::int64_t>(allele.ref.size()));
  for (std::size_t i = 0; i < genome.size(); ++i) {
    if (!seq::is_acgt(allele.ref[i])) allele.ref[i] = genome[i];
  }
  if (allele.ref == allele.alt) {  // no change: of one base, scored 0
    allele.ref.resize(1);
    allele.alt.resize(1);
  } else {
    trim(allele);
  }
  const auto is_too_long = [&] {
    const std::size_t longer = std::max(allele.ref.size(), allele.alt.size());
    return kLongestAllele * static_cast<std::int64_t>(longer) > window_bases_;
  };
  // Before it is shifted, which for what cannot be scored anyway may go far.
  if (is_too_long()) return AlleleStatus::too_long;
  if (!is_all_known(allele.ref) || !is_all_known(allele.alt)) return AlleleStatus::n_rich;
  allele = seq::normalize_allele(allele, [this](std::int64_t begin, std::int64_t end) {
    return reference_.bases(begin, end);
  });
  if (is_too_long()) return AlleleStatus::too_long;
  if (!is_all_known(allele.ref) || !is_all_known(allele.alt)) return AlleleStatus::n_rich;
  const std::int64_t end = allele.begin + static_cast<std::int64_t>(allele.ref.size());
  result.begin = allele.begin - window_bases_;
  result.bases = reference_.bases(result.begin, end + window_bases_);
  return has_known_surroundings(result) ? AlleleStatus::ok : AlleleStatus::n_rich;
}

bool AlleleChecker::has_known_surroundings(const ScorableAllele& scorable) const {
  const std::int64_t begin = scorable.centred_begin(window_bases_);
  // What lies beyond the contig is filled, not unknown.
  const std::string_view on_contig = scorable.view(
      std::max<std::int64_t>(begin, 0), std::min(begin + window_bases_, reference_.length()));
  if (seq::unknown_fraction(on_contig) > kMostUnknown) return false;
  for (const seq::Haplotype haplotype : {seq::Haplotype::reference, seq::Haplotype::alternate}) {
    const seq::HaplotypeWindow window = scorable.cut(haplotype, begin, window_bases_);
    const seq::HaplotypeWindow reverse = seq::reverse_complement(window);
    for (const seq::HaplotypeWindow* strand : {&window, &reverse}) {
      const Tokens ids = allele_tokens(tokenizer_, *strand).ids;
      const std::int32_t unknown = tokenizer_.special().unknown;
      const bool any_known =
          std::any_of(ids.begin(), ids.end(), [unknown](std::int32_t id) { return id != unknown; });
      if (!any_known) return false;
    }
  }
  return true;
}

}  // namespace dnabird::predict
