// Sequences to token ids, whatever the tokens are: all that is known of them above this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dnabird::seq {

/// Ids of the tokens that are no piece of sequence.
struct SpecialTokens {
  std::int32_t pad = 0, unknown = 0, cls = 0, sep = 0, mask = 0;
};

/// Bases [begin, end) of a text.
struct BaseSpan {
  std::int64_t begin = 0, end = 0;
  bool operator==(const BaseSpan&) const = default;
};

/// Tokens and what they cover; neither begins nor ends descend. [CLS] and [SEP] cover none.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<BaseSpan> bases;  // of each token
};

/// Tokens of a text that follow each other.
struct TokenRun {
  std::int64_t first = 0;  // index of the first one
  std::vector<std::int32_t> ids;
};

/// Takes the tokens of one text piece by piece: those of a chromosome are never held all at once.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  /// Called once, first: how many there are, [CLS] and [SEP] included.
  virtual void begin(std::int64_t n_tokens) = 0;
  /// The next ones.
  virtual void add(std::span<const std::int32_t> ids) = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// "k-mer", "BPE"
  virtual const char* kind() const = 0;
  /// What tells it from others of its kind, as name and number.
  virtual std::vector<std::pair<std::string, std::int64_t>> properties() const = 0;
  virtual const SpecialTokens& special() const = 0;
  virtual std::int32_t vocabulary_size() const = 0;
  /// "[CLS]", "ATG", ...; throws DataError if there is no such id.
  virtual std::string token_text(std::int32_t id) const = 0;

  /// Bases that fit into n tokens, [CLS] and [SEP] included, whatever they are.
  virtual std::int64_t n_bases(std::int64_t n_tokens) const = 0;
  /// The most bases that one token of the vocabulary spells.
  virtual std::int64_t longest_token() const = 0;
  /// Tokens that cover each base of a text, its ends aside: more than 1 if tokens overlap.
  virtual int tokens_of_a_base() const = 0;
  /// True if where tokens begin hangs on what the text says, not on its length alone: then a change
  /// of a base may move the borders of tokens beside it.
  virtual bool borders_follow_text() const = 0;

  /// [CLS], tokens, [SEP].
  virtual std::vector<std::int32_t> encode(std::string_view bases) const = 0;
  virtual Encoding encode_with_bases(std::string_view bases) const = 0;
  /// Of encode() those that cover any of the bases [begin, end), begin < end.
  virtual TokenRun tokens_at(std::string_view bases, std::int64_t begin, std::int64_t end) const;
  /// The tokens of encode().
  virtual void encode_to(std::string_view bases, TokenSink& sink) const = 0;

 protected:
  Tokenizer() = default;
  Tokenizer(const Tokenizer&) = default;
  Tokenizer& operator=(const Tokenizer&) = default;
};

/// Indices [first, last) of the tokens that cover any of the bases [begin, end), begin < end.
std::pair<std::int64_t, std::int64_t> tokens_of_bases(const Encoding& encoding, std::int64_t begin,
                                                      std::int64_t end);

}  // namespace dnabird::seq
