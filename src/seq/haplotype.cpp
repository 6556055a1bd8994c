#include "seq/haplotype.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::seq {

namespace {

/// The base in front of a place, fetched in growing stretches: shifts are mostly short.
class BasesInFront {
 public:
  BasesInFront(const FetchBases& fetch, std::int64_t end) : fetch_(fetch), begin_(end) {}

  char at(std::int64_t position) {
    if (position < begin_) {
      const std::int64_t begin = std::max<std::int64_t>(0, position + 1 - stretch_);
      bases_.insert(0, fetch_(begin, begin_));
      begin_ = begin;
      stretch_ *= 4;
    }
    return bases_[static_cast<std::size_t>(position - begin_)];
  }

 private:
  const FetchBases& fetch_;
  std::int64_t begin_, stretch_ = 32;
  std::string bases_;  // [begin_, ...)
};

}  // namespace

Allele normalize_allele(Allele allele, const FetchBases& fetch) {
  std::string &ref = allele.ref, &alt = allele.alt;
  if (ref == alt) return allele;
  BasesInFront front(fetch, allele.begin);
  while (true) {
    if (!ref.empty() && !alt.empty() && ref.back() == alt.back()) {
      ref.pop_back();
      alt.pop_back();
    } else if ((ref.empty() || alt.empty()) && allele.begin > 0) {
      --allele.begin;
      const char base = front.at(allele.begin);
      ref.insert(0, 1, base);
      alt.insert(0, 1, base);
      // Goes on only while this shifts the change further to the left.
      if (ref.back() != alt.back()) break;
    } else {
      break;
    }
  }
  std::size_t same = 0;
  while (same + 1 < std::min(ref.size(), alt.size()) && ref[same] == alt[same]) ++same;
  allele.begin += static_cast<std::int64_t>(same);
  ref.erase(0, same);
  alt.erase(0, same);
  if (ref.empty() || alt.empty()) {  // at the contig's begin
    const std::int64_t behind = allele.begin + static_cast<std::int64_t>(ref.size());
    const std::string base = fetch(behind, behind + 1);
    ref += base;
    alt += base;
  }
  return allele;
}

HaplotypeWindow cut_window(const Allele& allele, Haplotype haplotype, std::int64_t offset,
                           std::int64_t n_bases, const FetchBases& fetch) {
  core::require(offset >= 0 && offset <= n_bases, "an allele outside of its window");
  const std::string& own = haplotype == Haplotype::reference ? allele.ref : allele.alt;
  HaplotypeWindow window;
  window.bases = fetch(allele.begin - offset, allele.begin);
  window.bases.append(own, 0, static_cast<std::size_t>(n_bases - offset));
  window.allele_begin = offset;
  window.allele_end = static_cast<std::int64_t>(window.bases.size());
  const std::int64_t behind = allele.begin + static_cast<std::int64_t>(allele.ref.size());
  window.bases += fetch(behind, behind + n_bases - window.allele_end);
  return window;
}

HaplotypeWindow reverse_complement(const HaplotypeWindow& window) {
  const auto n = static_cast<std::int64_t>(window.bases.size());
  return {reverse_complement(window.bases), n - window.allele_end, n - window.allele_begin};
}

}  // namespace dnabird::seq
