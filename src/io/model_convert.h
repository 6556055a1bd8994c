// A model folder once more: its weights in another element type, in one file or in shards.
#pragma once

#include <cstdint>
#include <string>

namespace dnabird::io {

struct ConvertOptions {
  std::string dtype = "F32";      // F32, F16 or BF16; tensors of whole numbers stay as they are
  std::uint64_t shard_bytes = 0;  // most data of a file, but for one larger tensor; 0 = one file
};

struct ConvertSummary {
  std::int64_t tensors = 0, elements = 0;
  std::int64_t files = 0;                           // of weights
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of tensors
  double largest_change = 0;                        // of a value, absolute
  std::string most_changed;  // the tensor that holds it; empty if none changed
};

/// Writes the model of folder `from` to the new folder `to`, whole or not at all: config.json (with
/// the dtype), the weights under their names, and the files of its tokenizer as they are. Holds one
/// file of weights in memory. The layout of shards is that of the field:
/// model-00001-of-00003.safetensors and model.safetensors.index.json.
/// Throws DataError: what open_model_folder and NewFolder throw; a value too large for the dtype.
ConvertSummary convert_model_folder(const std::string& from, const std::string& to,
                                    const ConvertOptions& options);

}  // namespace dnabird::io
