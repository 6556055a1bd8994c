#include "data/overlap.h"

#include <gtest/gtest.h>

#include <set>

#include "core/rng.h"
#include "seq/alphabet.h"

namespace dnabird::data {
namespace {

std::string random_bases(std::uint64_t n, core::Rng& rng, const std::string& letters) {
  std::string bases;
  for (std::uint64_t i = 0; i < n; ++i) bases += letters[rng.below(letters.size())];
  return bases;
}

/// All k-mers of both strands that are A C G T throughout.
std::set<std::string> kmers_of(const std::string& bases, std::size_t k) {
  std::set<std::string> kmers;
  for (std::size_t i = 0; i + k <= bases.size(); ++i) {
    const std::string kmer = bases.substr(i, k);
    if (kmer.find('N') != std::string::npos) continue;
    kmers.insert(kmer);
    kmers.insert(seq::reverse_complement(kmer));
  }
  return kmers;
}

TEST(KmerSet, AgreesWithSubstringsOfBothStrands) {
  core::Rng rng(1);
  int shared = 0, tried = 0;
  for (const int k : {1, 2, 3, 5, 8, 12}) {
    for (int i = 0; i < 60; ++i) {
      const std::vector<std::string> sequences = {random_bases(rng.below(60), rng, "ACGTACGTN"),
                                                  random_bases(rng.below(40), rng, "ACGT"), ""};
      const KmerSet set(sequences, k);
      std::set<std::string> all;
      for (const std::string& bases : sequences) {
        const std::set<std::string> kmers = kmers_of(bases, static_cast<std::size_t>(k));
        all.insert(kmers.begin(), kmers.end());
      }
      std::set<std::string> canonical;
      for (const std::string& kmer : all) {
        canonical.insert(std::min(kmer, seq::reverse_complement(kmer)));
      }
      EXPECT_EQ(set.size(), static_cast<std::int64_t>(canonical.size()));
      for (int j = 0; j < 20; ++j) {
        // Pieces of the set's own sequences, on either strand, or anything.
        std::string probe = random_bases(rng.below(20), rng, "ACGTACGTN");
        if (j % 3 == 0 && sequences[0].size() > 10) probe += sequences[0].substr(rng.below(8), 9);
        if (j % 2 == 0) probe = seq::reverse_complement(probe);
        bool expected = false;
        for (const std::string& kmer : kmers_of(probe, static_cast<std::size_t>(k))) {
          expected |= all.contains(kmer);
        }
        EXPECT_EQ(set.shares(probe), expected) << k << ' ' << probe << ' ' << sequences[0];
        shared += expected;
        ++tried;
      }
    }
  }
  EXPECT_GT(shared, tried / 5);
  EXPECT_LT(shared, tried * 4 / 5);
}

TEST(KmerSet, HoldsManyAndTheLongest) {
  core::Rng rng(2);
  const std::vector<std::string> sequences = {random_bases(20000, rng, "ACGT")};
  for (const int k : {24, 31}) {
    const KmerSet set(sequences, k);
    EXPECT_EQ(set.size(), 20000 - k + 1);
    for (std::size_t at = 0; at + 31 <= 20000; at += 997) {
      const std::string piece = sequences[0].substr(at, static_cast<std::size_t>(k));
      EXPECT_TRUE(set.shares(piece));
      EXPECT_TRUE(set.shares(seq::reverse_complement(piece)));
      std::string changed = piece;
      changed[static_cast<std::size_t>(k) / 2] =
          piece[static_cast<std::size_t>(k) / 2] == 'A' ? 'C' : 'A';
      EXPECT_FALSE(set.shares(changed));
      EXPECT_FALSE(set.shares(piece.substr(1)));
    }
  }
  const std::vector<std::string> poly = {std::string(40, 'G')};
  EXPECT_EQ(KmerSet(poly, 31).size(), 1);
  EXPECT_TRUE(KmerSet(poly, 31).shares(std::string(31, 'C')));
}

TEST(KmerSet, RefusesOtherK) {
  EXPECT_THROW(KmerSet({}, 0), std::logic_error);
  EXPECT_THROW(KmerSet({}, 32), std::logic_error);
  EXPECT_FALSE(KmerSet({}, 3).shares("ACGTACGT"));
}

TEST(MarkShared, MarksEachSequence) {
  const std::vector<std::string> train = {"ACGTTGCAACCGGTTAACGATTTACG"};
  const KmerSet set(train);
  const std::vector<std::string> dev = {train[0].substr(1, 24), train[0].substr(1, 23),
                                        "TT" + seq::reverse_complement(train[0]), ""};
  EXPECT_EQ(mark_shared(dev, set), (std::vector<char>{1, 0, 1, 0}));
}

}  // namespace
}  // namespace dnabird::data
