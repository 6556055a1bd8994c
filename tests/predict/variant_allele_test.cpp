// What can be scored, and why not.
#include "predict/variant_allele.h"

#include <gtest/gtest.h>

#include "predict/variant_windows.h"
#include "seq/kmer_tokenizer.h"
#include "support/memory_genome.h"

namespace dnabird::predict {
namespace {

using support::MemoryGenome;

constexpr std::int64_t kWindow = 40;

class AlleleChecking : public testing::Test {
 protected:
  AlleleChecking() {
    core::Rng rng(9);
    std::string bases = support::random_bases(400, rng);
    bases.replace(100, 6, "ACGTAC");
    bases[110] = 'R';                // A or G
    bases.replace(195, 5, "NNNNN");  // more than a tenth of a window of 40
    bases.replace(300, 3, "NNN");    // less
    bases[303] = 'T';
    contig_ = bases;
    genome_ = std::make_unique<MemoryGenome>(
        std::map<std::string, std::string>{{"chr1", bases}, {"tiny", "ACGTTGCA"}});
    checker_ = std::make_unique<AlleleChecker>(*genome_, tokenizer_, kWindow);
  }

  AlleleStatus status(const Variant& variant) { return checker_->check(variant).at(0).first; }
  /// At a place of chr1, with the reference's own bases.
  AlleleStatus status(std::int64_t position, std::int64_t n_ref, const std::string& alt) {
    return status({"chr1", position, contig_.substr(position, n_ref), {alt}});
  }

  std::string contig_;
  seq::KmerTokenizer tokenizer_{3, 1};
  std::unique_ptr<MemoryGenome> genome_;
  std::unique_ptr<AlleleChecker> checker_;
};

TEST_F(AlleleChecking, Symbolic) {
  for (const char* alt : {"<DEL>", "<INS:ME:ALU>", "*", ".", "<*>", "G]17:198982]", "]13:123456]T",
                          "C[2:321682[", ".A", "A.", "<NON_REF>"}) {
    EXPECT_EQ(status(100, 1, alt), AlleleStatus::symbolic) << alt;
    EXPECT_EQ(status({"chr9", 7, "A", {alt}}), AlleleStatus::symbolic) << alt;
  }
}

TEST_F(AlleleChecking, ContigsUnderOtherNames) {
  EXPECT_EQ(status({"1", 100, "A", {"C"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 100, "A", {"C"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"2", 100, "A", {"C"}}), AlleleStatus::no_contig);
  EXPECT_EQ(status({"1", 100, "A", {"C"}}), AlleleStatus::ok);
}

TEST_F(AlleleChecking, PositionsOutsideOfTheContig) {
  EXPECT_EQ(status({"chr1", -1, "N", {"C"}}), AlleleStatus::out_of_range);  // POS 0: a telomere
  EXPECT_EQ(status({"chr1", 400, "N", {"C"}}), AlleleStatus::out_of_range);
  EXPECT_EQ(status({"chr1", 1 << 30, "N", {"C"}}), AlleleStatus::out_of_range);
  const std::string last = contig_.substr(399);
  EXPECT_EQ(status({"chr1", 399, last, {last == "A" ? "C" : "A"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 399, last + "A", {last}}), AlleleStatus::ref_mismatch);
}

TEST_F(AlleleChecking, ReferenceBases) {
  EXPECT_EQ(status({"chr1", 100, "ACG", {"A"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 100, "acg", {"a"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 100, "ACC", {"A"}}), AlleleStatus::ref_mismatch);
  EXPECT_EQ(status({"chr1", 100, "MNS", {"A"}}), AlleleStatus::ok);  // A or C, any, C or G
  EXPECT_EQ(status({"chr1", 100, "KCG", {"A"}}), AlleleStatus::ref_mismatch);  // G or T
  EXPECT_EQ(status({"chr1", 100, "<AC", {"A"}}), AlleleStatus::ref_mismatch);
  // The genome says R.
  EXPECT_EQ(status({"chr1", 110, "A", {"C"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 110, "G", {"C"}}), AlleleStatus::ok);
  EXPECT_EQ(status({"chr1", 110, "T", {"C"}}), AlleleStatus::ref_mismatch);
  EXPECT_EQ(status({"chr1", 110, "R", {"C"}}), AlleleStatus::n_rich);  // nothing says which
}

TEST_F(AlleleChecking, TheReferenceHaplotypeHasTheBaseThatTheRecordKnows) {
  const auto checked = checker_->check({"chr1", 110, "g", {"c"}});
  EXPECT_EQ(checked[0].second.allele, (seq::Allele{110, "G", "C"}));
  const auto padded = checker_->check({"chr1", 100, "NCG", {"ACT"}});
  EXPECT_EQ(padded[0].second.allele, (seq::Allele{102, "G", "T"}));
}

TEST_F(AlleleChecking, LongAlleles) {
  core::Rng rng(2);
  const std::string base = contig_.substr(120, 1);
  // The base in front counts, as in a VCF: 10 of 40 bases are the most.
  const std::string inserted = support::random_bases(8, rng) + (base == "A" ? "C" : "A");
  EXPECT_EQ(status(120, 1, base + inserted), AlleleStatus::ok);
  EXPECT_EQ(status(120, 1, base + "G" + inserted), AlleleStatus::too_long);
  EXPECT_EQ(status(120, 1, std::string(100000, 'A')), AlleleStatus::too_long);
  EXPECT_EQ(status(120, 200, base), AlleleStatus::too_long);
  // A long writing of a short allele is a short one.
  std::string changed = contig_.substr(120, 30);
  changed[15] = changed[15] == 'A' ? 'C' : 'A';
  EXPECT_EQ(status(120, 30, changed), AlleleStatus::ok);
}

TEST_F(AlleleChecking, UnknownBases) {
  EXPECT_EQ(status(100, 1, "N"), AlleleStatus::n_rich);
  EXPECT_EQ(status(100, 1, "ANA"), AlleleStatus::n_rich);
  EXPECT_EQ(status(100, 1, "R"), AlleleStatus::n_rich);
  EXPECT_EQ(status(197, 1, "A"), AlleleStatus::n_rich);                // REF N
  EXPECT_EQ(status({"chr1", 197, "C", {"A"}}), AlleleStatus::n_rich);  // five N around it
  const auto alt = [&](std::int64_t position) { return contig_[position] == 'A' ? "C" : "A"; };
  EXPECT_EQ(status(185, 1, alt(185)), AlleleStatus::n_rich);  // the window of 40 has five
  EXPECT_EQ(status(303, 1, "A"), AlleleStatus::ok);           // three, beside the allele
  EXPECT_EQ(status(170, 1, alt(170)), AlleleStatus::ok);      // out of the window's reach
}

TEST_F(AlleleChecking, BeyondAnEndIsFilledNotUnknown) {
  EXPECT_EQ(status({"tiny", 0, "A", {"C"}}), AlleleStatus::ok);
  const auto checked = checker_->check({"tiny", 7, "A", {"C"}});
  ASSERT_EQ(checked[0].first, AlleleStatus::ok);
  const ScorableAllele& scorable = checked[0].second;
  const seq::HaplotypeWindow window =
      scorable.cut(seq::Haplotype::alternate, scorable.centred_begin(kWindow), kWindow);
  EXPECT_EQ(window.bases, std::string(12, 'N') + "ACGTTGCC" + std::string(20, 'N'));
}

TEST_F(AlleleChecking, StatusesOfOneRecordAreEachTheirOwn) {
  const auto checked = checker_->check({"chr1", 100, "A", {"C", "<DEL>", "N", "AAAAAAAAAAAAAAA"}});
  ASSERT_EQ(checked.size(), 4u);
  EXPECT_EQ(checked[0].first, AlleleStatus::ok);
  EXPECT_EQ(checked[1].first, AlleleStatus::symbolic);
  EXPECT_EQ(checked[2].first, AlleleStatus::n_rich);
  EXPECT_EQ(checked[3].first, AlleleStatus::too_long);
}

TEST(AlleleStatusNames, AllDiffer) {
  std::vector<std::string> names;
  for (const AlleleStatus status : kAlleleStatuses) names.push_back(status_name(status));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"NO_CONTIG", "N_RICH", "OK", "OUT_OF_RANGE",
                                             "REF_MISMATCH", "SYMBOLIC", "TOO_LONG"}));
}

TEST(ReferenceCursor, NeighboursCostOneLookUp) {
  core::Rng rng(4);
  const std::string bases = support::random_bases(200000, rng);
  const MemoryGenome genome({{"c", bases}, {"d", "acgtR"}});
  ReferenceCursor cursor(genome);
  ASSERT_TRUE(cursor.select("c"));
  for (std::int64_t begin = -100; begin < 60000; begin += 97) {
    const std::string window = cursor.bases(begin, begin + 300);
    const std::int64_t first = std::max<std::int64_t>(0, begin);
    EXPECT_EQ(window, std::string(first - begin, 'N') + bases.substr(first, begin + 300 - first));
  }
  EXPECT_EQ(genome.n_fetches, 1);
  EXPECT_EQ(cursor.raw(199990, 200100), bases.substr(199990));
  EXPECT_EQ(cursor.bases(199990, 200002), bases.substr(199990) + "NN");
  EXPECT_EQ(cursor.bases(300000, 300002), "NN");
  EXPECT_EQ(cursor.bases(100, 110), bases.substr(100, 10));
  EXPECT_FALSE(cursor.select("e"));
  ASSERT_TRUE(cursor.select("d"));
  EXPECT_EQ(cursor.raw(0, 9), "acgtR");
  EXPECT_EQ(cursor.bases(-1, 6), "NACGTNN");
}

TEST(Windows, EqualOnesAreKeptOnce) {
  const seq::KmerTokenizer tokenizer(3, 1);
  WindowTable table(tokenizer);
  EXPECT_EQ(table.add("ACGTAC"), 0u);
  EXPECT_EQ(table.add("ACGTAA"), 1u);
  EXPECT_EQ(table.add("ACGTAC"), 0u);
  ASSERT_EQ(table.windows().size(), 2u);
  EXPECT_EQ(table.windows()[1], tokenizer.encode("ACGTAA"));
}

TEST(Windows, AllelesOfEqualLengthShareTheirMaskedWindow) {
  const seq::KmerTokenizer tokenizer(3, 1);
  MaskedWindowTable table(tokenizer);
  const auto a = table.add({"ACGTACGTAC", 4, 5});
  const auto c = table.add({"ACGTCCGTAC", 4, 5});
  const auto again = table.add({"ACGTACGTAC", 4, 5});
  const auto longer = table.add({"ACGTAACGTA", 4, 6});
  const auto elsewhere = table.add({"ACGTACGTAC", 5, 6});
  EXPECT_EQ(a.window, c.window);
  EXPECT_NE(a.candidate, c.candidate);
  EXPECT_EQ(again.window, a.window);
  EXPECT_EQ(again.candidate, a.candidate);
  EXPECT_NE(longer.window, a.window);
  EXPECT_NE(elsewhere.window, a.window);
  ASSERT_EQ(table.windows().size(), 3u);
  const MaskedWindow& window = table.windows()[a.window];
  const Tokens ids = tokenizer.encode("ACGTACGTAC");
  ASSERT_EQ(window.ids.size(), ids.size());
  EXPECT_EQ(window.first_row, 3);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(window.ids[i], i >= 3 && i < 6 ? seq::kMask : ids[i]) << i;
  }
  ASSERT_EQ(window.candidates.size(), 2u);
  EXPECT_EQ(window.candidates[a.candidate], Tokens(ids.begin() + 3, ids.begin() + 6));
}

/// An allele at `begin` of a contig, as AlleleChecker makes it.
ScorableAllele scorable_at(std::int64_t begin, const std::string& ref, const std::string& contig) {
  const std::string far(60, 'N');
  ScorableAllele scorable{{begin, ref, "T"}, begin - 60, {}};
  scorable.bases = (far + contig + far).substr(begin, 120 + ref.size());
  return scorable;
}

TEST(Windows, TheGridHoldsTheAlleleAndPassesOverUnknownSequence) {
  core::Rng rng(6);
  const std::string contig = support::random_bases(300, rng);
  using Begins = std::vector<std::int64_t>;
  EXPECT_EQ(promoter_window_begins(scorable_at(120, "A", contig), 60),
            (Begins{70, 80, 90, 100, 110, 120}));
  EXPECT_EQ(promoter_window_begins(scorable_at(121, "ACGTACGT", contig), 60),
            (Begins{70, 80, 90, 100, 110, 120}));
  EXPECT_EQ(promoter_window_begins(scorable_at(123, "ACGTACGT", contig), 60),
            (Begins{80, 90, 100, 110, 120}));
  // At most six of sixty bases may be unknown.
  EXPECT_EQ(promoter_window_begins(scorable_at(5, "A", contig), 60), (Begins{0}));
  std::string gap = contig;
  gap.replace(135, 60, 60, 'N');
  EXPECT_EQ(promoter_window_begins(scorable_at(120, "A", gap), 60), (Begins{70, 80}));
  // None has so few: those with the fewest.
  EXPECT_EQ(promoter_window_begins(scorable_at(20, "A", contig.substr(0, 50)), 60),
            (Begins{-10, 0}));
}

}  // namespace
}  // namespace dnabird::predict
