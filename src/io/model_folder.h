// A model is a folder: config.json, model.safetensors, vocab.txt (the layout of the field).
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "io/safetensors.h"

namespace dnabird::io {

struct ModelFolder {
  nlohmann::json config;                // config.json
  TensorFile weights;                   // model.safetensors
  std::vector<std::string> vocabulary;  // lines of vocab.txt
};

/// Throws DataError that names the folder and what it lacks.
ModelFolder read_model_folder(const std::string& path);
/// Writes to `path + ".partial"`, syncs, renames; an existing model there is replaced whole,
/// other files of the folder (logs, checkpoints) stay.
void write_model_folder(const std::string& path, const ModelFolder& folder);

/// Reads a JSON file; throws DataError with path, line and column.
nlohmann::json read_json(const std::string& path);
/// Writes whole or not at all.
void write_json(const std::string& path, const nlohmann::json& value);

/// Where a model of that name or path lies: a folder as given, else under $DNABIRD_MODELS, beside
/// the installed binary (../share/dnabird/models), in the source tree (models/). Throws UsageError
/// with the places that were looked at.
std::string find_model(const std::string& name_or_path);

}  // namespace dnabird::io
