#include "model/tensor_names.h"

namespace dnabird::model {

namespace {

/// `name` with `ending` in place of `old_ending`, if it has that.
std::string with_ending(std::string name, const std::string& old_ending,
                        const std::string& ending) {
  if (!name.ends_with(old_ending)) return name;
  return name.substr(0, name.size() - old_ending.size()) + ending;
}

}  // namespace

std::string tensor_name_here(const std::string& stored) {
  std::string name = stored;
  for (const char* part : {"embeddings.", "encoder.", "pooler."}) {
    if (stored.starts_with(part)) name = "bert." + stored;
  }
  name = with_ending(std::move(name), "LayerNorm.gamma", "LayerNorm.weight");
  return with_ending(std::move(name), "LayerNorm.beta", "LayerNorm.bias");
}

std::string original_of_copy(const ModelConfig& config, const std::string& name) {
  if (!config.masked_lm) return {};
  if (name == "cls.predictions.decoder.bias") return "cls.predictions.bias";
  if (config.tied_decoder && name == "cls.predictions.decoder.weight") {
    return "bert.embeddings.word_embeddings.weight";
  }
  return {};
}

bool is_unused(const ModelConfig& config, const std::string& name) {
  if (name.starts_with("bert.pooler.")) {
    return config.task == HeadTask::none || config.architecture != Architecture::bert;
  }
  return name.starts_with("cls.seq_relationship.") || name == "bert.embeddings.position_ids" ||
         name == "bert.embeddings.token_type_ids";
}

}  // namespace dnabird::model
