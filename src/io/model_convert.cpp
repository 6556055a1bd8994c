#include "io/model_convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "io/model_folder.h"
#include "io/new_folder.h"
#include "io/output_file.h"
#include "io/tensor_rounding.h"
#include "io/tensor_values.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using core::DataError;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
// What other programs read beside the weights, if it is there.
constexpr const char* kTokenizerFiles[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json",
                                           "special_tokens_map.json"};

bool is_float(const std::string& dtype) {
  return dtype == "F64" || dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

std::uint64_t count_of(const TensorEntry& entry) {
  return std::accumulate(
      entry.shape.begin(), entry.shape.end(), std::uint64_t{1},
      [](std::uint64_t n, std::int64_t dim) { return n * static_cast<std::uint64_t>(dim); });
}

struct Shard {
  std::string file;
  std::vector<std::string> tensors;
};

/// Tensors in the order of their names, as many in a file as fit.
std::vector<Shard> plan_shards(const TensorReader& weights, const ConvertOptions& options) {
  std::vector<Shard> shards(1);
  std::uint64_t filled = 0;
  for (const auto& [name, entry] : weights.tensors()) {
    const std::string& dtype = is_float(entry.dtype) ? options.dtype : entry.dtype;
    const std::uint64_t bytes = count_of(entry) * element_size(dtype);
    if (options.shard_bytes > 0 && filled + bytes > options.shard_bytes &&
        !shards.back().tensors.empty()) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().tensors.push_back(name);
    filled += bytes;
  }
  if (shards.size() == 1) {
    shards[0].file = kWeights;
    return shards;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    shards[i].file = name;
  }
  return shards;
}

HostTensor convert_tensor(const TensorReader& weights, const std::string& name,
                          const std::string& dtype, ConvertSummary& summary) {
  const TensorEntry& entry = weights.tensors().at(name);
  if (!is_float(entry.dtype)) return weights.read(name);
  HostTensor tensor{dtype, entry.shape, {}};
  tensor.bytes.reserve(count_of(entry) * element_size(dtype));
  std::vector<float> rounded;
  weights.read_floats(name, [&](std::int64_t, std::span<const float> values) {
    const std::size_t before = tensor.bytes.size();
    const std::size_t fitting = append_elements(dtype, values, tensor.bytes);
    if (fitting < values.size()) {
      std::ostringstream value;
      value << values[fitting];
      throw DataError("'" + weights.file_of(name) + "': tensor " + name + " holds " + value.str() +
                      ", which is too large for " + dtype + "; convert to bf16 or f32");
    }
    numbers_of(dtype, std::span<const char>(tensor.bytes).subspan(before), rounded);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double change = std::abs(static_cast<double>(rounded[i]) - values[i]);
      if (change <= summary.largest_change) continue;
      summary.largest_change = change;
      summary.most_changed = name;
    }
  });
  return tensor;
}

/// config.json names the dtype under one of two keys.
nlohmann::json config_of(nlohmann::json config, const std::string& dtype) {
  const char* name = dtype == "F16" ? "float16" : dtype == "BF16" ? "bfloat16" : "float32";
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = name;
  return config;
}

void copy_file(const fs::path& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw DataError("cannot read '" + from.string() + "'");
  TextOutput out(to);
  out.write(text.str());
  out.commit();
}

std::vector<std::string> tokenizer_files(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const char* name : kTokenizerFiles) {
    if (fs::is_regular_file(folder / name, error)) names.emplace_back(name);
  }
  return names;
}

}  // namespace

ConvertSummary convert_model_folder(const std::string& from, const std::string& to,
                                    const ConvertOptions& options) {
  const OpenModelFolder model = open_model_folder(from);
  const std::vector<Shard> shards = plan_shards(model.weights, options);
  std::vector<std::string> names = tokenizer_files(from);
  const std::vector<std::string> copied = names;
  for (const Shard& shard : shards) names.push_back(shard.file);
  names.insert(names.end(), {kIndex, kConfig});
  NewFolder folder(to, names);

  ConvertSummary summary;
  summary.files = static_cast<std::int64_t>(shards.size());
  nlohmann::json map = nlohmann::json::object();
  for (const Shard& shard : shards) {
    TensorFile file;
    file.metadata = model.weights.metadata();
    file.metadata.emplace("format", "pt");  // other readers of the layout ask for it
    for (const std::string& name : shard.tensors) {
      const TensorEntry& entry = model.weights.tensors().at(name);
      HostTensor tensor = convert_tensor(model.weights, name, options.dtype, summary);
      ++summary.tensors;
      summary.elements += static_cast<std::int64_t>(count_of(entry));
      summary.bytes_before += entry.end - entry.begin;
      summary.bytes_after += tensor.bytes.size();
      map[name] = shard.file;
      file.tensors[name] = std::move(tensor);
    }
    write_safetensors(folder.file(shard.file), file);
  }
  if (shards.size() > 1) {
    write_json(folder.file(kIndex),
               {{"metadata", {{"total_size", summary.bytes_after}}}, {"weight_map", map}});
  }
  for (const std::string& name : copied) copy_file(fs::path(from) / name, folder.file(name));
  write_json(folder.file(kConfig), config_of(model.config, options.dtype));
  folder.commit();
  return summary;
}

}  // namespace dnabird::io
