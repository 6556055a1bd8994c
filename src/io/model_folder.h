// A model is a folder in the layout of the field: config.json; model.safetensors, or shards with
// model.safetensors.index.json; vocab.txt or tokenizer.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/json_file.h"
#include "io/safetensors.h"
#include "io/tensor_reader.h"

namespace dnabird::io {

struct ModelFolder {
  nlohmann::json config;                // config.json
  TensorFile weights;                   // model.safetensors
  std::vector<std::string> vocabulary;  // lines of vocab.txt; none if there is no such file
  std::string tokenizer;                // tokenizer.json as it stands; empty if there is none
};

/// The same with the weights still on disk.
struct OpenModelFolder {
  nlohmann::json config;
  TensorReader weights;
  std::vector<std::string> vocabulary;
  std::string tokenizer;
};

/// Throws DataError that names the folder and what it lacks; of pytorch_model.bin, which is a
/// program and never opened, it says how to turn it into safetensors.
OpenModelFolder open_model_folder(const std::string& path);
/// With all weights in memory.
ModelFolder read_model_folder(const std::string& path);
/// Writes to `path + ".partial"`, syncs, renames; an existing model there is replaced whole,
/// other files of the folder (logs, checkpoints) stay.
void write_model_folder(const std::string& path, const ModelFolder& folder);

/// Where a model of that name or path lies: a folder as given, else under $DNABIRD_MODELS, beside
/// the installed binary (../share/dnabird/models), in the source tree (models/). Throws UsageError
/// with the places that were looked at.
std::string find_model(const std::string& name_or_path);

}  // namespace dnabird::io
