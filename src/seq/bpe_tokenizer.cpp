#include "seq/bpe_tokenizer.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/normalized_text.h"

namespace dnabird::seq {

namespace {

BpeMerges::Letters letters_of(const std::vector<std::string>& vocabulary) {
  BpeMerges::Letters letters;
  letters.fill(-1);
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary[id].size() != 1) continue;
    letters[static_cast<unsigned char>(vocabulary[id][0])] = static_cast<std::int32_t>(id);
  }
  return letters;
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeDefinition definition)
    : definition_(std::move(definition)),
      merges_(letters_of(definition_.vocabulary), definition_.merges, definition_.special.unknown) {
  std::vector<bool> is_added(definition_.vocabulary.size(), false);
  for (const BpeDefinition::AddedToken& token : definition_.added) {
    begins_added_[static_cast<unsigned char>(token.text[0])] = true;
    is_added[static_cast<std::size_t>(token.id)] = true;
  }
  for (std::size_t id = 0; id < is_added.size(); ++id) {
    if (is_added[id]) continue;
    longest_token_ =
        std::max(longest_token_, static_cast<std::int64_t>(definition_.vocabulary[id].size()));
  }
}

std::vector<std::pair<std::string, std::int64_t>> BpeTokenizer::properties() const {
  return {{"longest", longest_token_}};
}

std::int32_t BpeTokenizer::vocabulary_size() const {
  return static_cast<std::int32_t>(definition_.vocabulary.size());
}

std::string BpeTokenizer::token_text(std::int32_t id) const {
  if (id < 0 || id >= vocabulary_size()) {
    throw core::DataError("token id " + std::to_string(id) + " is not in the vocabulary of " +
                          std::to_string(vocabulary_size()));
  }
  return definition_.vocabulary[static_cast<std::size_t>(id)];
}

std::int64_t BpeTokenizer::n_bases(std::int64_t n_tokens) const {
  return std::max<std::int64_t>(0, n_tokens - 2);
}

std::vector<std::int32_t> BpeTokenizer::encode(std::string_view bases) const {
  std::vector<std::int32_t> ids;
  encode_text(bases, {ids, nullptr});
  return ids;
}

Encoding BpeTokenizer::encode_with_bases(std::string_view bases) const {
  Encoding encoding;
  encode_text(bases, {encoding.ids, &encoding.bases});
  return encoding;
}

void BpeTokenizer::encode_to(std::string_view bases, TokenSink& sink) const {
  const std::vector<std::int32_t> ids = encode(bases);
  sink.begin(static_cast<std::int64_t>(ids.size()));
  sink.add(ids);
}

void BpeTokenizer::encode_text(std::string_view text, Output output) const {
  output.add(definition_.special.cls, {0, 0});
  std::size_t piece = 0;  // begin of what is not encoded yet
  for (std::size_t at = 0; at < text.size();) {
    const BpeDefinition::AddedToken* added = added_token_at(text, at);
    if (added == nullptr) {
      ++at;
      continue;
    }
    encode_piece(text, piece, at, output);
    piece = at + added->text.size();
    output.add(added->id, {static_cast<std::int64_t>(at), static_cast<std::int64_t>(piece)});
    at = piece;
  }
  encode_piece(text, piece, text.size(), output);
  const auto n_bases = static_cast<std::int64_t>(text.size());
  output.add(definition_.special.sep, {n_bases, n_bases});
}

const BpeDefinition::AddedToken* BpeTokenizer::added_token_at(std::string_view text,
                                                              std::size_t at) const {
  if (!begins_added_[static_cast<unsigned char>(text[at])]) return nullptr;
  const BpeDefinition::AddedToken* longest = nullptr;
  for (const BpeDefinition::AddedToken& token : definition_.added) {
    if (!text.substr(at).starts_with(token.text)) continue;
    if (longest == nullptr || token.text.size() > longest->text.size()) longest = &token;
  }
  return longest;
}

void BpeTokenizer::encode_piece(std::string_view text, std::size_t begin, std::size_t end,
                                Output& output) const {
  NormalizedText normalized(text.substr(begin, end - begin), static_cast<std::int64_t>(begin));
  for (const BpeDefinition::NormalizerStep& step : definition_.normalizer) {
    if (step.strip_left || step.strip_right) normalized.strip(step.strip_left, step.strip_right);
    if (step.letter != '\0') normalized.replace_runs(step.letter, step.least, step.content);
  }
  const std::string_view whole = normalized.text();
  std::vector<WordToken> tokens;
  const auto encode_word = [&](std::size_t from, std::size_t to) {
    tokens.clear();
    merges_.encode(whole.substr(from, to - from), tokens);
    for (const WordToken& token : tokens) {
      const std::size_t first = from + static_cast<std::size_t>(token.begin);
      output.add(token.id,
                 normalized.source(first, first + static_cast<std::size_t>(token.length)));
    }
  };
  const std::string& delimiter = definition_.delimiter;
  std::size_t from = 0;
  while (!delimiter.empty()) {
    const std::size_t at = whole.find(delimiter, from);
    if (at == std::string_view::npos) break;
    encode_word(from, at);
    encode_word(at, at + delimiter.size());
    from = at + delimiter.size();
  }
  encode_word(from, whole.size());
}

}  // namespace dnabird::seq
