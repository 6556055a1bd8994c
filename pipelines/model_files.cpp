#include "pipelines/model_files.h"

#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "io/model_folder.h"
#include "io/sha256.h"
#include "pipelines/load_parameters.h"
#include "pipelines/tokenizer_files.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;

bool is_head(const std::string& name) { return name.starts_with("classifier."); }

model::ModelConfig config_of(const nlohmann::json& json, const std::string& path,
                             const model::TensorShapes& shapes) {
  try {
    model::ModelConfig config = model::config_from_json(json);
    model::settle_heads(json, shapes, config);
    return config;
  } catch (const DataError& problem) {
    throw DataError("'" + path + "/config.json': " + problem.what());
  }
}

}  // namespace

LoadedModel load_model(core::KernelSet& kernels, const std::string& name_or_path,
                       const std::string& random_blocks) {
  const std::string path = io::find_model(name_or_path);
  io::OpenModelFolder folder = io::open_model_folder(path);
  const ParameterSource source(folder.weights, path);
  const model::TensorShapes shapes = source.shapes();
  model::ModelConfig config = config_of(folder.config, path, shapes);
  if (!random_blocks.empty()) config.pattern_mode = random_blocks_mode(random_blocks);
  io::TokenizerFiles files{std::move(folder.vocabulary), std::move(folder.tokenizer)};
  std::unique_ptr<seq::Tokenizer> tokenizer = make_tokenizer(files, path, config);
  // Beside the reading: it takes about as long.
  std::future<std::string> sha256 =
      std::async(std::launch::async, io::sha256_of_files, std::cref(folder.weights.files()));
  auto model = std::make_unique<model::Model>(kernels, std::move(config));
  source.load(*model,
              model::rescales_embeddings(folder.config) ? WordRows::rescaled : WordRows::as_stored);
  std::filesystem::path name = std::filesystem::absolute(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  return {.model = std::move(model),
          .tokenizer = std::move(tokenizer),
          .tokenizer_files = std::move(files),
          .name = name.filename().string(),
          .path = path,
          .sha256 = sha256.get()};
}

std::string identity_of(const LoadedModel& loaded) {
  const bool in_bf16 = loaded.model->kernels().dtype() == kernels::DType::bf16;
  return loaded.name + " sha256=" + loaded.sha256 + " precision=" + (in_bf16 ? "bf16" : "f32");
}

model::PatternMode random_blocks_mode(const std::string& name) {
  const std::optional<model::PatternMode> mode = model::pattern_mode_from(name);
  if (mode) return *mode;
  throw core::UsageError("--random-blocks: '" + name + "', expected hf_eval, hf_train or uniform");
}

void save_model(const model::Model& model, const io::TokenizerFiles& tokenizer,
                const std::string& path) {
  io::ModelFolder folder;
  folder.config = model::config_to_json(model.config());
  folder.vocabulary = tokenizer.vocabulary;
  folder.tokenizer = tokenizer.tokenizer;
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
