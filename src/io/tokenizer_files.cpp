#include "io/tokenizer_files.h"

#include <filesystem>

#include "core/errors.h"
#include "io/json_file.h"
#include "io/line_reader.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> read_vocabulary(const std::string& path) {
  std::vector<std::string> lines;
  std::string line;
  for (LineReader reader(path); reader.next(line);) lines.push_back(line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

TokenizerFiles read_tokenizer_files(const std::string& folder) {
  const fs::path vocabulary = fs::path(folder) / kVocabularyFile;
  const fs::path tokenizer = fs::path(folder) / kTokenizerFile;
  TokenizerFiles files;
  std::error_code error;
  const bool has_vocabulary = fs::exists(vocabulary, error);
  const bool has_tokenizer = fs::exists(tokenizer, error);
  if (!has_vocabulary && !has_tokenizer) {
    throw core::DataError("model folder '" + folder + "' lacks " + kVocabularyFile + " or " +
                          kTokenizerFile);
  }
  if (has_vocabulary) files.vocabulary = read_vocabulary(vocabulary.string());
  if (has_tokenizer) files.tokenizer = read_text(tokenizer.string());
  return files;
}

}  // namespace dnabird::io
