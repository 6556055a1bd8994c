// Glue between model folders (io) and models: who loads and saves them for every command.
#pragma once

#include <memory>
#include <string>

#include "core/tensor.h"
#include "io/tokenizer_files.h"
#include "model/model.h"
#include "seq/tokenizer.h"

namespace dnabird::pipelines {

struct LoadedModel {
  std::unique_ptr<model::Model> model;
  std::unique_ptr<seq::Tokenizer> tokenizer;
  io::TokenizerFiles tokenizer_files;  // that it was made from
  std::string name;                    // last part of the folder's path
  std::string path;
  std::string sha256;  // of model.safetensors, or of its shards one behind the other
};

/// Reads a folder (or shipped name, io::find_model), tensor by tensor. Every tensor must be there
/// with its shape and none be left over (model::is_unused aside), and every value finite; else
/// DataError naming file and tensor. `random_blocks` (see random_blocks_mode) goes before what the
/// folder says; empty = the folder's own.
LoadedModel load_model(core::KernelSet& kernels, const std::string& name_or_path,
                       const std::string& random_blocks = "");

/// "NAME sha256=... precision=f32": which numbers an output has, for its header.
std::string identity_of(const LoadedModel& loaded);

/// hf_eval, hf_train or uniform, as --random-blocks takes them; throws UsageError.
model::PatternMode random_blocks_mode(const std::string& name);

/// Writes config.json, model.safetensors and the tokenizer's files whole or not at all.
void save_model(const model::Model& model, const io::TokenizerFiles& tokenizer,
                const std::string& path);

/// The model's weights, if they fit, into another with a different head (fine-tuning): encoder and
/// masked-token head are copied by name; parameters that `from` lacks are initialised.
void copy_parameters(const model::Model& from, model::Model& to, std::uint64_t seed);

}  // namespace dnabird::pipelines
