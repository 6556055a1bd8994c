// Where a training run stands, in one file: it appears whole or not at all, so a run that is killed
// at any moment has the last one or the one before.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace dnabird::train {

struct Checkpoint {
  nlohmann::json state;                            // step, places in the data, best, options
  std::vector<float> parameters;                   // (size)
  std::vector<float> first_moment, second_moment;  // (size)
  std::vector<float> average, best;                // (size) or empty
};

/// A safetensors file; the state is its metadata. Throws DataError: cannot be written.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// Throws DataError: missing, damaged, or of a model that has not `size` parameters.
Checkpoint read_checkpoint(const std::string& path, std::int64_t size);

}  // namespace dnabird::train
