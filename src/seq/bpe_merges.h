// Byte pair encoding of one word: the pairs of neighbours that are merged, in the order of ranks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "seq/rank_queue.h"

namespace dnabird::seq {

/// A token of a word and the bytes of it that it covers.
struct WordToken {
  std::int64_t begin = 0;
  std::int32_t length = 0;
  std::int32_t id = 0;
  bool operator==(const WordToken&) const = default;
};

class BpeMerges {
 public:
  /// Neighbours that become one token.
  struct Merge {
    std::int32_t left, right, result;
  };
  /// Ids of the ASCII characters, -1 where there is none.
  using Letters = std::array<std::int32_t, 128>;

  /// Merges in the order of their ranks, no pair twice. A character without a letter is `unknown`.
  BpeMerges(const Letters& letters, const std::vector<Merge>& merges, std::int32_t unknown);

  /// Appends the tokens of a word: of all pairs of neighbours the one of the lowest rank, of equal
  /// ones the leftmost, is merged, until there is none (Sennrich et al. 2016, as the tokenizers
  /// library does it). In time and memory about linear in the word, however long it is.
  void encode(std::string_view word, std::vector<WordToken>& tokens) const;

 private:
  struct Slot {
    std::uint64_t pair;
    std::int32_t rank;
  };
  /// A piece of a word on its way to a token; at the place of its first byte.
  struct Symbol {
    std::int32_t id;
    std::int32_t length;    // bytes; 0: has become part of the symbol before it
    std::int32_t previous;  // place of the symbol before it, -1: none
    std::int32_t rank;      // of the pair with the symbol behind it, kNone: no such merge
  };
  struct Range {
    std::int64_t begin, end;
  };
  /// Kept from one block to the next.
  struct Workspace {
    explicit Workspace(std::size_t n_ranks) : queue(n_ranks) {}
    std::vector<Symbol> symbols;
    RankQueue queue;  // of pairs by the place of their left symbol
    std::vector<std::int32_t> places;
    std::vector<WordToken> tokens;
  };

  /// kNone if they are not merged.
  std::int32_t rank_of(std::int32_t left, std::int32_t right) const;
  void place_symbols(std::string_view text, Workspace& work) const;
  /// Sets the rank of the pair that begins at `place`, queues it and returns the rank.
  std::int32_t look_up_pair(std::int32_t place, std::int32_t n_bytes, Workspace& work) const;
  /// Merges the pair that begins at `place`; returns the lowest rank of the pairs that this makes.
  std::int32_t merge(std::int32_t place, std::int32_t n_bytes, Workspace& work) const;
  void merge_all(std::int32_t n_bytes, Workspace& work) const;
  /// The tokens of a part of a word, as if it were one, in work.tokens.
  void encode_block(std::string_view word, Range block, Workspace& work) const;
  /// Puts the tokens of a block behind those, from `base` on, of the blocks before it; false if
  /// they have none in common that begins in the block, then it must begin further left.
  bool join_block(std::string_view word, Range block, std::ptrdiff_t base, Workspace& work,
                  std::vector<WordToken>& tokens) const;

  Letters letters_;
  std::int32_t unknown_;
  std::vector<Slot> slots_;            // open addressing, a power of 2
  std::vector<std::int32_t> results_;  // by rank
};

}  // namespace dnabird::seq
