// The files of a model's folder that say how sequences become tokens.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dnabird::io {

inline constexpr const char* kVocabularyFile = "vocab.txt";
inline constexpr const char* kTokenizerFile = "tokenizer.json";

struct TokenizerFiles {
  std::vector<std::string> vocabulary;  // lines of vocab.txt; none if there is no such file
  std::string tokenizer;                // tokenizer.json as it stands; empty if there is none
};

/// Those that the folder has. Throws DataError if there is none, or one cannot be read.
TokenizerFiles read_tokenizer_files(const std::string& folder);

}  // namespace dnabird::io
