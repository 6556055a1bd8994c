#include "data/overlap.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::data {

namespace {

// No canonical k-mer of k <= 31 bases has this value: it needs 62 bits.
constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
// Multiplicative hashing (Knuth, TAOCP 3, section 6.4): the upper bits of kmer * 2^64/phi.
constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
constexpr int kBitsPerSlot = 3;  // log2

/// Calls visit(kmer, end) for each k-mer in its canonical writing, the smaller of both strands, and
/// the base behind it, until it returns true.
template <class Visit>
bool any_kmer(std::string_view bases, int k, Visit visit) {
  const std::uint64_t mask = (std::uint64_t{1} << (2 * k)) - 1;
  std::uint64_t forward = 0, reverse = 0;
  int known = 0;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    const int code = seq::base_code(bases[i]);
    if (code < 0) {
      known = 0;
      continue;
    }
    // In the order A T C G the complement of a code is that with its lowest bit turned.
    forward = ((forward << 2) | static_cast<std::uint64_t>(code)) & mask;
    reverse = (reverse >> 2) | (static_cast<std::uint64_t>(code ^ 1) << (2 * (k - 1)));
    if (++known >= k && visit(std::min(forward, reverse), i + 1)) return true;
  }
  return false;
}

}  // namespace

KmerSet::KmerSet(std::span<const std::string> sequences, int k) : k_(k) {
  core::require(k >= 1 && k <= 31, "a set of " + std::to_string(k) + "-mers");
  resize(10);
  for (const std::string& bases : sequences) {
    any_kmer(bases, k_, [this](std::uint64_t kmer, std::size_t) {
      insert(kmer);
      return false;
    });
  }
}

void KmerSet::insert(std::uint64_t kmer) {
  if (2 * (size_ + 1) > static_cast<std::int64_t>(slots_.size())) resize(slot_bits_ + 1);
  const std::uint64_t hash = kmer * kMultiplier;
  const std::size_t last = slots_.size() - 1;
  std::size_t slot = hash >> (64 - slot_bits_);
  while (slots_[slot] != kEmpty && slots_[slot] != kmer) slot = (slot + 1) & last;
  if (slots_[slot] == kEmpty) ++size_;
  slots_[slot] = kmer;
  const std::uint64_t bit = hash >> (64 - slot_bits_ - kBitsPerSlot);
  seen_[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

void KmerSet::resize(int slot_bits) {
  std::vector<std::uint64_t> old(std::size_t{1} << slot_bits, kEmpty);
  old.swap(slots_);
  seen_.assign((slots_.size() << kBitsPerSlot) / 64, 0);
  slot_bits_ = slot_bits;
  size_ = 0;
  for (const std::uint64_t kmer : old) {
    if (kmer != kEmpty) insert(kmer);
  }
}

bool KmerSet::contains(std::uint64_t kmer) const {
  const std::uint64_t hash = kmer * kMultiplier;
  const std::uint64_t bit = hash >> (64 - slot_bits_ - kBitsPerSlot);
  if ((seen_[bit / 64] >> (bit % 64) & 1) == 0) return false;
  const std::size_t last = slots_.size() - 1;
  std::size_t slot = hash >> (64 - slot_bits_);
  while (slots_[slot] != kEmpty && slots_[slot] != kmer) slot = (slot + 1) & last;
  return slots_[slot] == kmer;
}

bool KmerSet::shares(std::string_view bases) const {
  return any_kmer(bases, k_, [this](std::uint64_t kmer, std::size_t) { return contains(kmer); });
}

std::vector<std::pair<std::int64_t, std::int64_t>> KmerSet::shared_stretches(
    std::string_view bases) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> stretches;
  any_kmer(bases, k_, [&](std::uint64_t kmer, std::size_t behind) {
    if (!contains(kmer)) return false;
    const auto end = static_cast<std::int64_t>(behind), begin = end - k_;
    if (!stretches.empty() && stretches.back().second >= begin) {
      stretches.back().second = end;
    } else {
      stretches.emplace_back(begin, end);
    }
    return false;
  });
  return stretches;
}

std::vector<char> mark_shared(std::span<const std::string> sequences, const KmerSet& set) {
  std::vector<char> marks;
  marks.reserve(sequences.size());
  for (const std::string& bases : sequences) marks.push_back(set.shares(bases) ? 1 : 0);
  return marks;
}

CutCounts cut_shared(const KmerSet& set, std::vector<io::NamedSequence>& sequences) {
  CutCounts counts;
  std::vector<io::NamedSequence> pieces;
  for (io::NamedSequence& sequence : sequences) {
    auto stretches = set.shared_stretches(sequence.bases);
    if (stretches.empty()) {
      pieces.push_back(std::move(sequence));
      continue;
    }
    ++counts.sequences;
    const auto n_bases = static_cast<std::int64_t>(sequence.bases.size());
    stretches.emplace_back(n_bases, n_bases);
    std::int64_t begin = 0;
    for (const auto& [first, last] : stretches) {
      if (first > begin) {
        pieces.push_back({sequence.name, sequence.bases.substr(begin, first - begin)});
      }
      counts.bases += last - first;
      begin = last;
    }
  }
  sequences = std::move(pieces);
  return counts;
}

}  // namespace dnabird::data
