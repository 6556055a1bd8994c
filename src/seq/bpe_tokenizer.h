// Tokens of any length by byte pair encoding, as a tokenizer.json of the field describes them
// (GENA-LM's: Fishman et al. 2025), with the ids that the tokenizers library gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seq/bpe_merges.h"
#include "seq/tokenizer.h"

namespace dnabird::seq {

/// All that a tokenizer.json says.
struct BpeDefinition {
  struct AddedToken {  // found in the text before anything else is done with it
    std::string text;
    std::int32_t id;
  };
  struct NormalizerStep {
    bool strip_left = false, strip_right = false;  // blanks at the ends
    /// The regular expression letter{least,} by content, which is no longer; no letter = none.
    char letter = '\0';
    std::size_t least = 0;
    std::string content;
  };

  std::vector<std::string> vocabulary;  // by id; of ASCII characters
  std::vector<BpeMerges::Merge> merges;
  std::vector<AddedToken> added;
  std::vector<NormalizerStep> normalizer;
  std::string delimiter;  // a word of its own, empty = none
  SpecialTokens special;
};

/// From the JSON of a tokenizer.json: normalizers Strip and Replace of the form N{10,}, or a
/// Sequence of them; pre-tokenizer Split (a string, isolated) or none; post-processor
/// BertProcessing; model BPE. Throws DataError that names the part of the file that is something
/// else, or that contradicts another; no part is passed over.
BpeDefinition bpe_definition_from_json(const nlohmann::json& file);

class BpeTokenizer : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeDefinition definition);

  const char* kind() const override { return "BPE"; }
  std::vector<std::pair<std::string, std::int64_t>> properties() const override;
  const SpecialTokens& special() const override { return definition_.special; }
  std::int32_t vocabulary_size() const override;
  std::string token_text(std::int32_t id) const override;
  /// At worst every base is a token.
  std::int64_t n_bases(std::int64_t n_tokens) const override;
  std::int64_t longest_token() const override { return longest_token_; }
  int tokens_of_a_base() const override { return 1; }
  bool borders_follow_text() const override { return true; }

  /// [CLS], tokens, [SEP]. Letter case counts: GENA-LM knows upper-case letters only.
  std::vector<std::int32_t> encode(std::string_view bases) const override;
  Encoding encode_with_bases(std::string_view bases) const override;
  /// All at once: the ids take less memory than the bases.
  void encode_to(std::string_view bases, TokenSink& sink) const override;

 private:
  /// Where tokens go; `bases` may be none.
  struct Output {
    std::vector<std::int32_t>& ids;
    std::vector<BaseSpan>* bases;
    void add(std::int32_t id, const BaseSpan& span) {
      ids.push_back(id);
      if (bases != nullptr) bases->push_back(span);
    }
  };
  void encode_text(std::string_view text, Output output) const;
  /// The added token that begins there, the longest of several; none = nullptr.
  const BpeDefinition::AddedToken* added_token_at(std::string_view text, std::size_t at) const;
  /// Bytes [begin, end) of a text, without added tokens.
  void encode_piece(std::string_view text, std::size_t begin, std::size_t end,
                    Output& output) const;

  BpeDefinition definition_;
  BpeMerges merges_;
  std::array<bool, 256> begins_added_{};  // by first byte
  std::int64_t longest_token_ = 0;
};

}  // namespace dnabird::seq
