// dnabird info: what this program is, and what a model is.
#include <boost/version.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/text.h"
#include "io/library_version.h"
#include "io/model_folder.h"
#include "io/output_file.h"
#include "kernels/kernel_set.h"
#include "model/block_pattern.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/model_files.h"

namespace dnabird::pipelines {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDescription =
    "Without a model: version, libraries, devices with the instruction set in use, and the model\n"
    "that ships. With one: what it is made of, what it was trained on, what it reached. Every\n"
    "tensor of the model is checked.";

constexpr const char* kExamples =
    "  dnabird info\n"
    "  dnabird info promoter-small\n"
    "  dnabird info --json my_model | jq .sha256";

const char* task_name(model::HeadTask task) {
  switch (task) {
    case model::HeadTask::none:
      return "none";
    case model::HeadTask::classification:
      return "classification";
    case model::HeadTask::multi_label:
      return "multi_label";
    case model::HeadTask::regression:
      return "regression";
  }
  return "none";
}

/// The longest input, in blocks, of which every block reads every other.
std::int64_t dense_blocks(const model::ModelConfig& config) {
  const std::int64_t most = (config.positions + config.block_size - 1) / config.block_size;
  std::int64_t blocks = 1;
  for (; blocks < most; ++blocks) {
    if (!model::pattern_of_layer(config, blocks + 1, 0).is_dense()) break;
  }
  return blocks;
}

Json describe_program() {
  Json info;
  info["version"] = kVersion;
  info["libraries"]["htslib"] = io::htslib_version();
  info["libraries"]["boost"] = std::to_string(BOOST_VERSION / 100000) + "." +
                               std::to_string(BOOST_VERSION / 100 % 1000) + "." +
                               std::to_string(BOOST_VERSION % 100);
  info["libraries"]["nlohmann_json"] = std::to_string(NLOHMANN_JSON_VERSION_MAJOR) + "." +
                                       std::to_string(NLOHMANN_JSON_VERSION_MINOR) + "." +
                                       std::to_string(NLOHMANN_JSON_VERSION_PATCH);
  for (const std::string& line : core::split(kernels::describe_devices(), '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) info["devices"][line.substr(0, colon)] = line.substr(colon + 2);
  }
  try {
    info["models"][kDefaultModel] = io::find_model(kDefaultModel);
  } catch (const core::UsageError&) {
    info["models"][kDefaultModel] = "not found";
  }
  return info;
}

Json describe_model(const LoadedModel& loaded) {
  const model::ModelConfig& config = loaded.model->config();
  Json info;
  info["name"] = loaded.name;
  info["path"] = loaded.path;
  info["sha256"] = loaded.sha256;
  info["parameters"] = loaded.model->parameters().size();
  info["tokens"]["kind"] = loaded.tokenizer->kind();
  for (const auto& [name, value] : loaded.tokenizer->properties()) info["tokens"][name] = value;
  info["tokens"]["vocabulary"] = loaded.tokenizer->vocabulary_size();
  info["architecture"] = {{"type", name_of(config.architecture)}, {"layers", config.layers},
                          {"channels", config.channels},          {"heads", config.heads},
                          {"feed_forward", config.feed_forward},  {"positions", config.positions}};
  info["attention"] = {{"mode", config.full_attention ? "full" : name_of(config.pattern_mode)},
                       {"block_size", config.block_size},
                       {"window_blocks", 3},
                       {"global_blocks", 2},
                       {"random_blocks", config.random_blocks},
                       {"pattern_seed", config.pattern_seed},
                       {"dense_up_to_tokens", dense_blocks(config) * config.block_size}};
  const std::int64_t most_bases = loaded.tokenizer->n_bases(config.positions);
  info["longest_input_bases"] = most_bases;
  info["window_bases"] = config.window_bases == 0 ? most_bases : config.window_bases;
  info["masked_token_head"] = config.masked_lm;
  info["task"] = task_name(config.task);
  if (config.task != model::HeadTask::none) info["targets"] = config.targets;
  if (config.tss_offset >= 0) info["tss_offset"] = config.tss_offset;
  info["provenance"] = config.provenance;
  return info;
}

/// "key: value" lines, what stands in a group indented.
void write_lines(const Json& value, const std::string& indent, std::ostringstream& text) {
  for (const auto& [key, entry] : value.items()) {
    text << indent << key << ":";
    if (entry.is_object() && !entry.empty()) {
      text << "\n";
      write_lines(entry, indent + "  ", text);
    } else {
      text << " " << (entry.is_string() ? entry.get<std::string>() : entry.dump()) << "\n";
    }
  }
}

}  // namespace

int run_info(const std::vector<std::string>& arguments) {
  CommonOptions common;
  bool as_json = false;
  std::vector<std::string> models;
  OptionParser parser("dnabird info [options] [MODEL]", kDescription, kExamples);
  parser.add_flag("json", &as_json, "as JSON");
  parser.add_common(&common, OptionParser::kOutput);
  parser.add_positional("MODEL", &models, 0, 1);
  if (!parser.parse(arguments)) return 0;
  Json info;
  if (models.empty()) {
    info = describe_program();
  } else {
    const auto kernels = core::open_device("cpu", "f32", 1);
    info = describe_model(load_model(*kernels, models[0]));
  }
  std::ostringstream text;
  if (as_json) {
    text << info.dump(2) << "\n";
  } else {
    write_lines(info, "", text);
  }
  io::TextOutput output(common.output);
  output.write(text.str());
  output.commit();
  return 0;
}

}  // namespace dnabird::pipelines
