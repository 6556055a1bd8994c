#include "pipelines/tokenizer_files.h"

#include <filesystem>

#include "core/errors.h"
#include "io/json_file.h"
#include "io/model_folder.h"
#include "seq/bpe_tokenizer.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;

std::string path_of(const std::string& folder, const char* file) {
  return (std::filesystem::path(folder) / file).string();
}

/// Puts the file's path before what is wrong with it.
template <class Read>
auto reading(const std::string& path, const Read& read) {
  try {
    return read();
  } catch (const DataError& problem) {
    throw DataError("'" + path + "': " + problem.what());
  }
}

std::unique_ptr<seq::Tokenizer> read_tokenizer(const io::TokenizerFiles& files,
                                               const std::string& folder, int stride) {
  if (!files.vocabulary.empty()) {
    return reading(path_of(folder, io::kVocabularyFile), [&] {
      return std::make_unique<seq::KmerTokenizer>(
          seq::KmerTokenizer::from_vocabulary(files.vocabulary, stride));
    });
  }
  const std::string path = path_of(folder, io::kTokenizerFile);
  const nlohmann::json json = io::parse_json(files.tokenizer, path);
  return reading(path, [&] {
    return std::make_unique<seq::BpeTokenizer>(seq::bpe_definition_from_json(json));
  });
}

void check_vocabulary(const seq::Tokenizer& tokenizer, const model::ModelConfig& config) {
  const seq::KmerTokenizer* kmers = seq::as_kmers(tokenizer);
  if (tokenizer.vocabulary_size() == config.vocabulary &&
      (kmers == nullptr || kmers->k() == config.k)) {
    return;
  }
  throw DataError("a vocabulary of " + std::to_string(tokenizer.vocabulary_size()) +
                  " tokens, but config.json says " +
                  (kmers == nullptr ? "" : "k " + std::to_string(config.k) + " and ") +
                  "vocab_size " + std::to_string(config.vocabulary));
}

}  // namespace

std::unique_ptr<seq::Tokenizer> make_tokenizer(const io::TokenizerFiles& files,
                                               const std::string& folder,
                                               const model::ModelConfig& config) {
  std::unique_ptr<seq::Tokenizer> tokenizer = read_tokenizer(files, folder, config.stride);
  const char* file = files.vocabulary.empty() ? io::kTokenizerFile : io::kVocabularyFile;
  reading(path_of(folder, file), [&] { check_vocabulary(*tokenizer, config); });
  return tokenizer;
}

std::unique_ptr<seq::Tokenizer> load_tokenizer(const std::string& name_or_path) {
  const std::string folder = io::find_model(name_or_path);
  const io::TokenizerFiles files = io::read_tokenizer_files(folder);
  const std::string path = path_of(folder, "config.json");
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    const nlohmann::json json = io::read_json(path);
    if (!json.is_object() || json.contains("dnabird")) {
      const model::ModelConfig config =
          reading(path, [&] { return model::config_from_json(json); });
      return make_tokenizer(files, folder, config);
    }
  }
  return read_tokenizer(files, folder, 1);
}

}  // namespace dnabird::pipelines
