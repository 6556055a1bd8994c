// Bases to k-mer token ids and back to the bases that a token covers.
// Ids are DNABERT's (Ji et al. 2021): [PAD] 0 [UNK] 1 [CLS] 2 [SEP] 3 [MASK] 4, then the k-mers in
// the order A T C G; a k-mer that holds anything but A C G T is [UNK].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seq/tokenizer.h"

namespace dnabird::seq {

enum SpecialToken : std::int32_t { kPad = 0, kUnknown = 1, kCls = 2, kSep = 3, kMask = 4 };
inline constexpr std::int32_t kSpecialTokens = 5;

class KmerTokenizer : public Tokenizer {
 public:
  /// k in 1..8; stride 1 (overlapping) or k. Throws UsageError otherwise.
  KmerTokenizer(int k, int stride);
  /// From the lines of a vocab.txt; throws DataError if it is not the vocabulary of some k.
  static KmerTokenizer from_vocabulary(const std::vector<std::string>& lines, int stride);

  int k() const { return k_; }
  int stride() const { return stride_; }
  const char* kind() const override { return "k-mer"; }
  std::vector<std::pair<std::string, std::int64_t>> properties() const override;
  const SpecialTokens& special() const override;
  std::int32_t vocabulary_size() const override { return kSpecialTokens + (1 << (2 * k_)); }
  /// Lines of vocab.txt, in the order of ids.
  std::vector<std::string> vocabulary() const;

  /// Tokens of a text of n bases, [CLS] and [SEP] included; bases that fill no whole k-mer at the
  /// end (stride k) have no token.
  std::int64_t n_tokens(std::int64_t n_bases) const;
  /// The most bases that n tokens, [CLS] and [SEP] included, can cover.
  std::int64_t n_bases(std::int64_t n_tokens) const override;
  std::int64_t longest_token() const override { return k_; }
  int tokens_of_a_base() const override { return k_ / stride_; }
  bool borders_follow_text() const override { return false; }
  /// [CLS], k-mers, [SEP]; letter case is ignored.
  std::vector<std::int32_t> encode(std::string_view bases) const override;
  Encoding encode_with_bases(std::string_view bases) const override;
  /// Reads no more of the text than these cover.
  TokenRun tokens_at(std::string_view bases, std::int64_t begin, std::int64_t end) const override;
  void encode_to(std::string_view bases, TokenSink& sink) const override;
  /// Bases [begin, end) that token `index` of an encoded text covers; index 0 is [CLS], which
  /// covers none (0,0).
  std::pair<std::int64_t, std::int64_t> bases_of_token(std::int64_t index) const;
  /// "[CLS]", "ATG", ...
  std::string token_text(std::int32_t id) const override;

 private:
  int k_, stride_;
};

/// The tokenizer, if its tokens are k-mers; else null.
const KmerTokenizer* as_kmers(const Tokenizer& tokenizer);

}  // namespace dnabird::seq
