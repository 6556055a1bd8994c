// Do two sets of sequences share a stretch? What a model was trained on must not stand in the set
// that it is measured on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/fasta.h"

namespace dnabird::data {

inline constexpr int kSharedBases = 24;

/// The k-mers of a set of sequences on both strands; those with anything but A C G T are left out.
class KmerSet {
 public:
  /// k in 1..31.
  explicit KmerSet(std::span<const std::string> sequences, int k = kSharedBases);
  /// True if a stretch of k bases of `bases`, on either strand, is in the set.
  bool shares(std::string_view bases) const;
  /// The bases [begin, end) that lie in such stretches, in order; neighbours are one.
  std::vector<std::pair<std::int64_t, std::int64_t>> shared_stretches(std::string_view bases) const;
  std::int64_t size() const { return size_; }

 private:
  void insert(std::uint64_t kmer);
  bool contains(std::uint64_t kmer) const;
  void resize(int slot_bits);

  int k_;
  int slot_bits_ = 0;  // log2 of the number of slots
  std::int64_t size_ = 0;
  std::vector<std::uint64_t> slots_;  // open addressing
  std::vector<std::uint64_t> seen_;   // one bit for each eighth of a slot: most k-mers of a genome
                                      // are told off by it, from a cache near the core
};

/// One mark per sequence: 1 if it shares a stretch with the set.
std::vector<char> mark_shared(std::span<const std::string> sequences, const KmerSet& set);

struct CutCounts {
  std::int64_t sequences = 0;  // that shared a stretch
  std::int64_t bases = 0;      // taken out
};
/// Takes the stretches that are in the set out of the sequences; what is left of a sequence on
/// either side becomes a sequence of its own, of the same name, in the order of the bases.
CutCounts cut_shared(const KmerSet& set, std::vector<io::NamedSequence>& sequences);

}  // namespace dnabird::data
