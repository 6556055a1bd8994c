#include "train/checkpoint.h"

#include <utility>

#include "core/errors.h"
#include "io/safetensors.h"

namespace dnabird::train {

namespace {

constexpr const char* kState = "dnabird.state";

struct NamedArray {
  const char* name;
  std::vector<float> Checkpoint::*values;
  bool optional;
};

constexpr NamedArray kArrays[] = {{"parameters", &Checkpoint::parameters, false},
                                  {"first_moment", &Checkpoint::first_moment, false},
                                  {"second_moment", &Checkpoint::second_moment, false},
                                  {"average", &Checkpoint::average, true},
                                  {"best", &Checkpoint::best, true}};

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  io::TensorFile file;
  file.metadata[kState] = checkpoint.state.dump();
  for (const NamedArray& array : kArrays) {
    const std::vector<float>& values = checkpoint.*array.values;
    if (values.empty() && array.optional) continue;
    file.tensors[array.name] =
        io::HostTensor::from_floats({static_cast<std::int64_t>(values.size())}, values);
  }
  io::write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path, std::int64_t size) {
  const io::TensorFile file = io::read_safetensors(path);
  Checkpoint checkpoint;
  const auto state = file.metadata.find(kState);
  if (state != file.metadata.end()) {
    checkpoint.state = nlohmann::json::parse(state->second, nullptr, false);
  }
  if (!checkpoint.state.is_object()) {
    throw core::DataError("'" + path + "' is not a checkpoint: it lacks " + kState);
  }
  for (const NamedArray& array : kArrays) {
    const auto found = file.tensors.find(array.name);
    if (found == file.tensors.end()) {
      if (array.optional) continue;
      throw core::DataError("'" + path + "' is not a checkpoint: it lacks " + array.name);
    }
    std::vector<float> values = found->second.floats();
    if (static_cast<std::int64_t>(values.size()) != size) {
      throw core::DataError("checkpoint '" + path +
                            "' is of another model: " + std::to_string(values.size()) +
                            " values in " + array.name + ", expected " + std::to_string(size));
    }
    checkpoint.*array.values = std::move(values);
  }
  return checkpoint;
}

}  // namespace dnabird::train
