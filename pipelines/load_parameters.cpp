#include "pipelines/load_parameters.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/text.h"
#include "model/tensor_names.h"

namespace dnabird::pipelines {

using core::DataError;

namespace {

std::map<std::string, float> factors_of(const model::ModelConfig& config, WordRows word_rows) {
  if (word_rows == WordRows::as_stored) return {};
  const auto scale = static_cast<float>(std::sqrt(static_cast<double>(config.channels)));
  std::map<std::string, float> factors{{"bert.embeddings.word_embeddings.weight", scale}};
  if (config.masked_lm && config.tied_decoder) {
    for (const char* part : {"weight", "bias"}) {
      factors[std::string("cls.predictions.transform.LayerNorm.") + part] = 1 / scale;
    }
  }
  return factors;
}

}  // namespace

ParameterSource::ParameterSource(const io::TensorReader& reader, const std::string& folder)
    : reader_(reader) {
  for (const auto& [stored, entry] : reader.tensors()) {
    const auto [other, is_new] = names_.emplace(model::tensor_name_here(stored), stored);
    if (is_new) continue;
    throw DataError("model folder '" + folder + "': tensors " + core::printable(stored) + " and " +
                    core::printable(other->second) + " are the same parameter");
  }
}

model::TensorShapes ParameterSource::shapes() const {
  model::TensorShapes shapes;
  for (const auto& [name, stored] : names_) shapes[name] = shape(name);
  return shapes;
}

void ParameterSource::load(model::Model& model, WordRows word_rows) const {
  const model::ModelConfig& config = model.config();
  std::map<std::string, std::string> copies;  // name to original
  for (const auto& [name, stored] : names_) {
    if (model::is_unused(config, name)) continue;
    const std::string original = model::original_of_copy(config, name);
    if (!original.empty()) copies[name] = original;
    if (original.empty() && !model.parameters().has(name)) {
      throw DataError(where(name) + "is unknown to a model of its config.json");
    }
    check_type(name);
  }
  const Factors factors = factors_of(config, word_rows);
  const auto factor_of = [&](const std::string& name) {
    const auto found = factors.find(name);
    return found == factors.end() ? 1.0f : found->second;
  };
  for (const model::ParameterInfo& parameter : model.parameters().list()) {
    std::string source = parameter.name;
    // Some write the decoder's bias under the other of its two names alone.
    for (const auto& [copy, original] : copies) {
      if (original == parameter.name && !names_.contains(source)) source = copy;
    }
    if (!names_.contains(source)) {
      throw DataError("'" + core::join(reader_.files(), "', '") + "' lacks the tensor " + source +
                      " " + core::to_string(parameter.shape));
    }
    set_parameter(parameter.name, source, factor_of(parameter.name), model);
  }
  for (const auto& [copy, original] : copies) {
    check_copy(copy, original, factor_of(original), model);
  }
}

/// "'m/model.safetensors': tensor NAME ", by the name that it has there.
std::string ParameterSource::where(const std::string& name) const {
  const std::string& stored = names_.at(name);
  return "'" + reader_.file_of(stored) + "': tensor " + core::printable(stored) + " ";
}

const core::Shape& ParameterSource::shape(const std::string& name) const {
  return reader_.tensors().at(names_.at(name)).shape;
}

void ParameterSource::check_type(const std::string& name) const {
  const std::string& dtype = reader_.tensors().at(names_.at(name)).dtype;
  if (dtype == "F32" || dtype == "F16" || dtype == "BF16" || dtype == "F64") return;
  throw DataError(where(name) + "holds " + dtype + ", expected F32, F16, BF16 or F64");
}

void ParameterSource::read(const std::string& name, float factor, const Take& take) const {
  std::vector<float> products;
  reader_.read_floats(names_.at(name), [&](std::int64_t first, std::span<const float> values) {
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw DataError(where(name) +
                      "holds values that are not finite; the file is damaged or the training "
                      "diverged");
    }
    if (factor == 1) return take(first, values);
    products.assign(values.begin(), values.end());
    for (float& value : products) value *= factor;
    take(first, products);
  });
}

void ParameterSource::set_parameter(const std::string& name, const std::string& source,
                                    float factor, model::Model& model) const {
  const core::Shape& expected = model.parameters().info(name).shape;
  if (shape(source) != expected) {
    throw DataError(where(source) + "has shape " + core::to_string(shape(source)) + ", expected " +
                    core::to_string(expected));
  }
  const core::Tensor parameter = model.parameters().value(name);
  read(source, factor, [&](std::int64_t first, std::span<const float> values) {
    parameter.view(first, {static_cast<std::int64_t>(values.size())}).set(values);
  });
}

void ParameterSource::check_copy(const std::string& name, const std::string& original, float factor,
                                 const model::Model& model) const {
  const core::Tensor parameter = model.parameters().value(original);
  const auto differs = [&] {
    throw DataError(where(name) + "differs from " + original +
                    ", with which config.json ties it; set tie_word_embeddings to false there if "
                    "they were trained apart");
  };
  if (shape(name) != parameter.shape()) differs();
  read(name, factor, [&](std::int64_t first, std::span<const float> values) {
    const std::vector<float> expected =
        parameter.view(first, {static_cast<std::int64_t>(values.size())}).to_floats();
    if (!std::equal(values.begin(), values.end(), expected.begin())) differs();
  });
}

}  // namespace dnabird::pipelines
