#include "pipelines/model_files.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "io/model_folder.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;

constexpr const char* kWeights = "model.safetensors";

/// What other tools store beside what we use: the pooler, and the decoder that is the word
/// embedding.
bool is_spare(const std::string& name) {
  return name.starts_with("bert.pooler.") || name.starts_with("cls.predictions.decoder.") ||
         name.starts_with("cls.seq_relationship.");
}

bool is_head(const std::string& name) { return name.starts_with("classifier."); }

std::string weights_path(const std::string& folder) {
  return (std::filesystem::path(folder) / kWeights).string();
}

bool is_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

void set_parameters(const io::TensorFile& weights, const std::string& path, model::Model& model) {
  for (const auto& [name, tensor] : weights.tensors) {
    if (is_spare(name)) continue;
    if (tensor.dtype != "F32" && tensor.dtype != "F64") {
      throw DataError("'" + path + "': tensor " + name + " holds " + tensor.dtype +
                      ", expected F32 or F64");
    }
    const std::vector<float> values = tensor.floats();
    if (!is_finite(values)) {
      throw DataError("'" + path + "': tensor " + name +
                      " holds values that are not finite; the file is damaged or the training "
                      "diverged");
    }
    try {
      model.set_parameter(name, tensor.shape, values);
    } catch (const DataError& problem) {
      throw DataError("'" + path + "': " + problem.what());
    }
  }
  for (const model::ParameterInfo& parameter : model.parameters().list()) {
    if (!weights.tensors.contains(parameter.name)) {
      throw DataError("'" + path + "' lacks the tensor " + parameter.name + " " +
                      core::to_string(parameter.shape));
    }
  }
}

model::ModelConfig config_of(const io::ModelFolder& folder, const std::string& path) {
  try {
    return model::config_from_json(folder.config);
  } catch (const DataError& problem) {
    throw DataError("'" + path + "/config.json': " + problem.what());
  }
}

seq::KmerTokenizer tokenizer_of(const io::ModelFolder& folder, const model::ModelConfig& config,
                                const std::string& path) {
  try {
    seq::KmerTokenizer tokenizer =
        seq::KmerTokenizer::from_vocabulary(folder.vocabulary, config.stride);
    if (tokenizer.k() != config.k || tokenizer.vocabulary_size() != config.vocabulary) {
      throw DataError("a vocabulary of " + std::to_string(tokenizer.vocabulary_size()) +
                      " tokens, but config.json says k " + std::to_string(config.k) +
                      " and vocab_size " + std::to_string(config.vocabulary));
    }
    return tokenizer;
  } catch (const DataError& problem) {
    throw DataError("'" + path + "/vocab.txt': " + problem.what());
  }
}

}  // namespace

LoadedModel load_model(core::KernelSet& kernels, const std::string& name_or_path) {
  const std::string path = io::find_model(name_or_path);
  const io::ModelFolder folder = io::read_model_folder(path);
  model::ModelConfig config = config_of(folder, path);
  seq::KmerTokenizer tokenizer = tokenizer_of(folder, config, path);
  auto model = std::make_unique<model::Model>(kernels, std::move(config));
  set_parameters(folder.weights, weights_path(path), *model);
  std::filesystem::path name = std::filesystem::absolute(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  return {.model = std::move(model),
          .tokenizer = tokenizer,
          .name = name.filename().string(),
          .path = path,
          .sha256 = io::sha256_of_file(weights_path(path))};
}

seq::KmerTokenizer load_tokenizer(const std::string& name_or_path) {
  const std::string path = io::find_model(name_or_path);
  const io::ModelFolder folder = io::read_model_folder(path);
  return tokenizer_of(folder, config_of(folder, path), path);
}

void save_model(const model::Model& model, const seq::KmerTokenizer& tokenizer,
                const std::string& path) {
  io::ModelFolder folder;
  folder.config = model::config_to_json(model.config());
  folder.vocabulary = tokenizer.vocabulary();
  folder.weights.metadata["format"] = "pt";  // other readers of the layout ask for it
  for (const model::ParameterInfo& parameter : model.parameters().list()) {
    folder.weights.tensors[parameter.name] = io::HostTensor::from_floats(
        parameter.shape, model.parameters().value(parameter.name).to_floats());
  }
  io::write_model_folder(path, folder);
}

void copy_parameters(const model::Model& from, model::Model& to, std::uint64_t seed) {
  for (const model::ParameterInfo& parameter : to.parameters().list()) {
    const bool known = from.parameters().has(parameter.name);
    const core::Tensor value = known ? from.parameters().value(parameter.name) : core::Tensor();
    if (!known || (is_head(parameter.name) && value.shape() != parameter.shape)) {
      to.initialize(parameter.name, seed);
    } else {
      to.set_parameter(parameter.name, value.shape(), value.to_floats());
    }
  }
}

}  // namespace dnabird::pipelines
