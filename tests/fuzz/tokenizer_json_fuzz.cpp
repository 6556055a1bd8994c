// Bytes as a tokenizer.json: a tokenizer whose tokens lie side by side on any text, or refused with
// one DataError line, never anything else.
// Build: cmake -DDNABIRD_FUZZ=ON with clang; run: tokenizer_json_fuzz
// tests/data/fuzz/tokenizer_json
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.h"
#include "seq/bpe_tokenizer.h"

namespace {

using dnabird::seq::BaseSpan;
using dnabird::seq::BpeTokenizer;
using dnabird::seq::Encoding;

void expect(bool condition) {
  if (!condition) std::abort();
}

void check(const BpeTokenizer& tokenizer, const std::string& text) {
  const Encoding encoding = tokenizer.encode_with_bases(text);
  expect(encoding.ids == tokenizer.encode(text) && encoding.ids.size() == encoding.bases.size());
  const auto n = static_cast<std::int64_t>(text.size());
  expect(static_cast<std::int64_t>(encoding.ids.size()) <= n + 2);
  std::int64_t end = 0;
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    tokenizer.token_text(encoding.ids[i]);
    const BaseSpan& span = encoding.bases[i];
    const bool is_end = i == 0 || i + 1 == encoding.ids.size();
    expect(is_end ? span.begin == span.end : span.begin < span.end);
    expect(span.end >= end && span.end <= n);
    end = span.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const nlohmann::json json = nlohmann::json::parse(data, data + size, nullptr, false);
  if (json.is_discarded()) return 0;
  try {
    const BpeTokenizer tokenizer(dnabird::seq::bpe_definition_from_json(json));
    std::string texts[] = {"", " ACGTNNNNNNNNNNNNAC-G[MASK]TT ", "aA\xc3\xa9\x80 -N", {}};
    while (texts[3].size() < 9000) texts[3] += "AAACGTATACGCGNNTA";  // longer than a block
    for (const std::string& text : texts) check(tokenizer, text);
  } catch (const dnabird::core::DataError& error) {
    expect(std::string(error.what()).find('\n') == std::string::npos);
  }
  return 0;
}
