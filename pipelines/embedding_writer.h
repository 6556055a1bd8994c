// The three files that `dnabird embed` writes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "predict/embedder.h"

namespace dnabird::pipelines {

class EmbeddingWriter {
 public:
  virtual ~EmbeddingWriter() = default;
  /// Called as soon as a name is read, once for each. Throws DataError that begins with `where` if
  /// the file cannot hold it.
  virtual void expect(const std::string& /*name*/, const std::string& /*where*/) {}
  /// (R,C), row-major. Empty: there is none.
  virtual void write(const std::string& name, const std::vector<float>& values) = 0;
  virtual void commit() = 0;
};

struct EmbeddingOutput {
  std::string path;
  predict::Pool pool = predict::Pool::mean;
  std::int64_t channels = 0;
  /// What made it: key and value.
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// Throws UsageError if a file of that name cannot hold what the pool gives: tokens go to
/// .safetensors, vectors to .npy or, by any other name, to text.
void check_embedding_path(const std::string& path, predict::Pool pool);

/// That file. Throws DataError with path and reason.
std::unique_ptr<EmbeddingWriter> open_embedding_writer(const EmbeddingOutput& output);

}  // namespace dnabird::pipelines
