#include "seq/bpe_merges.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/errors.h"

namespace dnabird::seq {

namespace {

constexpr std::int64_t kBlock = 4096;   // bytes whose symbols and queue stay in the near caches
constexpr std::int64_t kOverlap = 256;  // of a block with the one before, at first
constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t kNoPair = ~std::uint64_t{0};

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

std::size_t first_slot(std::uint64_t pair, std::size_t n_slots) {
  return static_cast<std::size_t>(pair * 0x9e3779b97f4a7c15U >> 32) & (n_slots - 1);
}

/// True for the second and later bytes of a character of UTF-8.
bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

BpeMerges::BpeMerges(const Letters& letters, const std::vector<Merge>& merges, std::int32_t unknown)
    : letters_(letters),
      unknown_(unknown),
      slots_(std::bit_ceil(2 * merges.size() + 1), Slot{kNoPair, kNone}) {
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    std::size_t at = first_slot(pair, slots_.size());
    for (; slots_[at].pair != kNoPair; at = (at + 1) & (slots_.size() - 1)) {
      core::require(slots_[at].pair != pair, "BpeMerges: a pair twice");
    }
    slots_[at] = {pair, static_cast<std::int32_t>(rank)};
    results_.push_back(merge.result);
  }
}

std::int32_t BpeMerges::rank_of(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  std::size_t at = first_slot(pair, slots_.size());
  while (slots_[at].pair != pair) {
    if (slots_[at].pair == kNoPair) return kNone;
    at = (at + 1) & (slots_.size() - 1);
  }
  return slots_[at].rank;
}

void BpeMerges::place_symbols(std::string_view text, Workspace& work) const {
  const auto n = static_cast<std::int32_t>(text.size());
  work.symbols.assign(text.size(), Symbol{0, 0, -1, kNone});
  std::int32_t previous = -1;
  for (std::int32_t at = 0; at < n;) {
    std::int32_t next = at + 1;
    const auto letter = static_cast<unsigned char>(text[at]);
    if (letter >= letters_.size()) {
      while (next < n && continues_character(text[next])) ++next;
    }
    const std::int32_t id = letter < letters_.size() ? letters_[letter] : -1;
    work.symbols[at] = {id < 0 ? unknown_ : id, next - at, previous, kNone};
    previous = at;
    at = next;
  }
}

std::int32_t BpeMerges::look_up_pair(std::int32_t place, std::int32_t n_bytes,
                                     Workspace& work) const {
  Symbol& symbol = work.symbols[place];
  const std::int32_t next = place + symbol.length;
  symbol.rank = next < n_bytes ? rank_of(symbol.id, work.symbols[next].id) : kNone;
  if (symbol.rank != kNone) work.queue.push(symbol.rank, place);
  return symbol.rank;
}

std::int32_t BpeMerges::merge(std::int32_t place, std::int32_t n_bytes, Workspace& work) const {
  Symbol& symbol = work.symbols[place];
  Symbol& absorbed = work.symbols[place + symbol.length];
  symbol.id = results_[symbol.rank];
  symbol.length += absorbed.length;
  absorbed = {0, 0, -1, kNone};
  if (place + symbol.length < n_bytes) work.symbols[place + symbol.length].previous = place;
  const std::int32_t behind = look_up_pair(place, n_bytes, work);
  return symbol.previous < 0 ? behind
                             : std::min(behind, look_up_pair(symbol.previous, n_bytes, work));
}

void BpeMerges::merge_all(std::int32_t n_bytes, Workspace& work) const {
  for (std::int32_t rank = work.queue.lowest(); rank >= 0; rank = work.queue.lowest()) {
    work.queue.take(rank, work.places);
    for (auto place = work.places.begin(); place != work.places.end(); ++place) {
      // Else one of the pair has been merged with another neighbour since.
      if (work.symbols[*place].rank != rank) continue;
      if (merge(*place, n_bytes, work) > rank) continue;
      // What has been made goes first; the rest waits.
      for (++place; place != work.places.end(); ++place) work.queue.push(rank, *place);
      break;
    }
  }
}

void BpeMerges::encode_block(std::string_view word, Range block, Workspace& work) const {
  core::require(block.end - block.begin < kNone, "BpeMerges: a block of more than 2 Gb");
  const std::string_view text = word.substr(static_cast<std::size_t>(block.begin),
                                            static_cast<std::size_t>(block.end - block.begin));
  const auto n = static_cast<std::int32_t>(text.size());
  place_symbols(text, work);
  // From the right, as the queue hands on what came last first.
  for (std::int32_t at = n; --at >= 0;) {
    if (work.symbols[at].length > 0) look_up_pair(at, n, work);
  }
  merge_all(n, work);
  work.tokens.clear();
  for (std::int32_t at = 0; at < n; at += work.symbols[at].length) {
    work.tokens.push_back({block.begin + at, work.symbols[at].length, work.symbols[at].id});
  }
}

// A long word is encoded in blocks that overlap, each of them as a word of its own, and two blocks
// are joined at a token that both have. That is exact: a row of tokens is the encoding of its text
// if and only if each two neighbours in it are the encoding of theirs. (If: take the first merge
// that crosses a border of the row. It was the lowest of all pairs, so of those of the two
// neighbours at that border, of which so far the same merges were done as if they were alone; alone
// they would cross it too. Only if: no merge ever crosses a border of the encoding, so in a stretch
// between borders the same merges are done, in the same order, as if it were alone.) All neighbours
// in the joined row are neighbours in the encoding of a block.
void BpeMerges::encode(std::string_view word, std::vector<WordToken>& tokens) const {
  const auto n = static_cast<std::int64_t>(word.size());
  const auto base = static_cast<std::ptrdiff_t>(tokens.size());  // where those of the word begin
  Workspace work(results_.size());
  for (std::int64_t done = 0; done < n;) {
    const std::int64_t end = std::min(n, done + kBlock);
    std::int64_t overlap = kOverlap;
    while (!join_block(word, {done - overlap, end}, base, work, tokens)) overlap *= 2;
    done = end;
  }
}

bool BpeMerges::join_block(std::string_view word, Range block, std::ptrdiff_t base, Workspace& work,
                           std::vector<WordToken>& tokens) const {
  const auto from =
      std::partition_point(tokens.begin() + base, tokens.end(),
                           [&](const WordToken& token) { return token.begin < block.begin; });
  if (block.begin <= 0) {  // stands for all that went before
    encode_block(word, {0, block.end}, work);
    tokens.erase(from, tokens.end());
    tokens.insert(tokens.end(), work.tokens.begin(), work.tokens.end());
    return true;
  }
  if (from == tokens.end()) return false;
  encode_block(word, {from->begin, block.end}, work);
  auto before = from;
  auto behind = work.tokens.begin();
  while (before != tokens.end() && behind != work.tokens.end() && !(*before == *behind)) {
    before->begin < behind->begin ? ++before : ++behind;
  }
  if (before == tokens.end() || behind == work.tokens.end()) return false;
  tokens.erase(before, tokens.end());
  tokens.insert(tokens.end(), behind, work.tokens.end());
  return true;
}

}  // namespace dnabird::seq
