#include "seq/haplotype.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/rng.h"
#include "seq/alphabet.h"

namespace dnabird::seq {
namespace {

FetchBases fetch_from(const std::string& contig) {
  return [contig](std::int64_t begin, std::int64_t end) {
    std::string bases;
    for (std::int64_t i = begin; i < end; ++i) {
      bases += i >= 0 && i < static_cast<std::int64_t>(contig.size())
                   ? contig[static_cast<std::size_t>(i)]
                   : 'N';
    }
    return bases;
  };
}

std::string random_bases(std::uint64_t n, core::Rng& rng, const std::string& letters) {
  std::string bases;
  for (std::uint64_t i = 0; i < n; ++i) bases += letters[rng.below(letters.size())];
  return bases;
}

std::string apply(const Allele& allele, const std::string& contig) {
  EXPECT_EQ(contig.substr(static_cast<std::size_t>(allele.begin), allele.ref.size()), allele.ref);
  return contig.substr(0, static_cast<std::size_t>(allele.begin)) + allele.alt +
         contig.substr(static_cast<std::size_t>(allele.begin) + allele.ref.size());
}

/// All writings of the change of `contig` into `haplotype`, with at least one base on each side as
/// in VCF: every stretch outside of which both are equal.
std::vector<Allele> all_writings(const std::string& contig, const std::string& haplotype) {
  std::vector<Allele> writings;
  const std::size_t shorter = std::min(contig.size(), haplotype.size());
  for (std::size_t front = 0; front <= shorter; ++front) {
    if (contig.compare(0, front, haplotype, 0, front) != 0) break;
    for (std::size_t back = 0; front + back <= shorter; ++back) {
      const std::string tail = contig.substr(contig.size() - back);
      if (haplotype.substr(haplotype.size() - back) != tail) break;
      Allele allele{static_cast<std::int64_t>(front),
                    contig.substr(front, contig.size() - back - front),
                    haplotype.substr(front, haplotype.size() - back - front)};
      if (!allele.ref.empty() && !allele.alt.empty()) writings.push_back(allele);
    }
  }
  return writings;
}

/// A change of up to 4 bases into up to 4 others somewhere, ends included.
std::string random_change(const std::string& contig, core::Rng& rng, const std::string& letters) {
  const std::uint64_t begin = rng.below(contig.size() + 1);
  const std::uint64_t length = rng.below(std::min<std::uint64_t>(4, contig.size() - begin) + 1);
  return contig.substr(0, begin) + random_bases(rng.below(5), rng, letters) +
         contig.substr(begin + length);
}

TEST(NormalizeAllele, EveryWritingGivesTheSame) {
  core::Rng rng(1);
  int writings_seen = 0;
  for (int i = 0; i < 4000; ++i) {
    // One or two letters make repeats, in which a change can be written at many places.
    const std::string letters = std::string("AATACACGT").substr(0, 1 + rng.below(9));
    const std::string contig = random_bases(1 + rng.below(14), rng, letters);
    const std::string haplotype = random_change(contig, rng, letters);
    if (haplotype == contig || haplotype.empty()) continue;
    const FetchBases fetch = fetch_from(contig);
    const std::vector<Allele> writings = all_writings(contig, haplotype);
    ASSERT_FALSE(writings.empty());
    const Allele first = normalize_allele(writings[0], fetch);
    EXPECT_EQ(apply(first, contig), haplotype);
    EXPECT_FALSE(first.ref.empty() || first.alt.empty());
    // It is one of the writings, no other is shorter, and of those as short none is further left.
    EXPECT_NE(std::find(writings.begin(), writings.end(), first), writings.end());
    for (const Allele& writing : writings) {
      EXPECT_EQ(normalize_allele(writing, fetch), first)
          << contig << " to " << haplotype << ": " << writing.begin << ' ' << writing.ref << '>'
          << writing.alt << " against " << first.begin << ' ' << first.ref << '>' << first.alt;
      EXPECT_GE(writing.ref.size(), first.ref.size());
      if (writing.ref.size() == first.ref.size()) {
        EXPECT_GE(writing.begin, first.begin);
      }
      ++writings_seen;
    }
  }
  EXPECT_GT(writings_seen, 20000);
}

TEST(NormalizeAllele, ByHand) {
  //                      0123456789
  const std::string contig = "GCACACATTT";
  const FetchBases fetch = fetch_from(contig);
  const auto normal = [&](Allele allele) { return normalize_allele(std::move(allele), fetch); };
  // SNV, padded.
  EXPECT_EQ(normal({6, "A", "G"}), (Allele{6, "A", "G"}));
  EXPECT_EQ(normal({5, "CAT", "CGT"}), (Allele{6, "A", "G"}));
  // Deletion of one CA of three.
  EXPECT_EQ(normal({4, "ACA", "A"}), (Allele{0, "GCA", "G"}));
  EXPECT_EQ(normal({0, "GCACACA", "GCACA"}), (Allele{0, "GCA", "G"}));
  // Insertion of a T behind the last base.
  EXPECT_EQ(normal({9, "T", "TT"}), (Allele{6, "A", "AT"}));
  // MNV: bases that are equal inside of it stay.
  EXPECT_EQ(normal({1, "CAC", "TAT"}), (Allele{1, "CAC", "TAT"}));
  // Deletion and insertion at the contig's begin: the base behind is named.
  EXPECT_EQ(normal({0, "GC", "C"}), (Allele{0, "GC", "C"}));
  EXPECT_EQ(normal({0, "G", "TG"}), (Allele{0, "G", "TG"}));
  // Nothing changes.
  EXPECT_EQ(normal({2, "A", "A"}), (Allele{2, "A", "A"}));
}

TEST(NormalizeAllele, ShiftsThroughLongRepeats) {
  const std::string contig = "G" + std::string(5000, 'A') + "T";
  const FetchBases fetch = fetch_from(contig);
  EXPECT_EQ(normalize_allele({5000, "A", "AAA"}, fetch), (Allele{0, "G", "GAA"}));
  EXPECT_EQ(normalize_allele({4000, "AAA", "A"}, fetch), (Allele{0, "GAA", "G"}));
}

TEST(CutWindow, IsTheHaplotypeAroundTheAllele) {
  core::Rng rng(2);
  for (int i = 0; i < 2000; ++i) {
    const std::string contig = random_bases(1 + rng.below(30), rng, "ACGT");
    const std::string haplotype = random_change(contig, rng, "ACGT");
    if (haplotype == contig || haplotype.empty()) continue;
    const FetchBases fetch = fetch_from(contig);
    const Allele allele = normalize_allele(all_writings(contig, haplotype)[0], fetch);
    const auto n_bases = static_cast<std::int64_t>(rng.below(50));
    const auto offset =
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(n_bases) + 1));
    const std::int64_t begin = allele.begin - offset;
    for (const Haplotype which : {Haplotype::reference, Haplotype::alternate}) {
      const bool alternate = which == Haplotype::alternate;
      const std::string& own = alternate ? allele.alt : allele.ref;
      const HaplotypeWindow window = cut_window(allele, which, offset, n_bases, fetch);
      EXPECT_EQ(window.bases, fetch_from(alternate ? haplotype : contig)(begin, begin + n_bases));
      EXPECT_EQ(window.allele_begin, offset);
      EXPECT_EQ(window.allele_end,
                std::min(n_bases, offset + static_cast<std::int64_t>(own.size())));
      const HaplotypeWindow other = reverse_complement(window);
      EXPECT_EQ(other.bases, reverse_complement(window.bases));
      const auto own_bases = [](const HaplotypeWindow& w) {
        return w.bases.substr(static_cast<std::size_t>(w.allele_begin),
                              static_cast<std::size_t>(w.allele_end - w.allele_begin));
      };
      EXPECT_EQ(own_bases(other), reverse_complement(own_bases(window)));
    }
  }
}

TEST(CutWindow, BothHaplotypesShareTheLeftFlank) {
  const FetchBases fetch = fetch_from("ACGTACGTAC");
  const Allele insertion{4, "A", "ATTT"};
  const HaplotypeWindow ref = cut_window(insertion, Haplotype::reference, 6, 12, fetch);
  const HaplotypeWindow alt = cut_window(insertion, Haplotype::alternate, 6, 12, fetch);
  EXPECT_EQ(ref.bases, "NNACGTACGTAC");
  EXPECT_EQ(alt.bases, "NNACGTATTTCG");
  EXPECT_EQ(alt.allele_begin, 6);
  EXPECT_EQ(alt.allele_end, 10);
  EXPECT_THROW(cut_window(insertion, Haplotype::reference, 13, 12, fetch), std::logic_error);
  EXPECT_THROW(cut_window(insertion, Haplotype::reference, -1, 12, fetch), std::logic_error);
}

}  // namespace
}  // namespace dnabird::seq
