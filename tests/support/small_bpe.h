// The tokenizers of bpe_files.h.
#pragma once

#include "seq/bpe_tokenizer.h"
#include "support/bpe_files.h"

namespace dnabird::support {

inline seq::BpeTokenizer small_bpe() {
  return seq::BpeTokenizer(seq::bpe_definition_from_json(small_bpe_json()));
}

inline seq::BpeTokenizer gena_tokenizer() {
  return seq::BpeTokenizer(
      seq::bpe_definition_from_json(nlohmann::json::parse(gena_tokenizer_text())));
}

}  // namespace dnabird::support
