// From the files of a folder to a tokenizer, for every command.
#pragma once

#include <memory>
#include <string>

#include "io/tokenizer_files.h"
#include "model/model_config.h"
#include "seq/tokenizer.h"

namespace dnabird::pipelines {

/// k-mers of vocab.txt, else what tokenizer.json describes. `folder` is for messages. Throws
/// DataError that names the file, and the part of it that is not supported or does not fit the
/// configuration.
std::unique_ptr<seq::Tokenizer> make_tokenizer(const io::TokenizerFiles& files,
                                               const std::string& folder,
                                               const model::ModelConfig& config);

/// The tokenizer of a model's folder (or shipped name, io::find_model), which needs nothing but
/// its tokenizer's file; k-mers overlap unless a config.json of ours says otherwise.
std::unique_ptr<seq::Tokenizer> load_tokenizer(const std::string& name_or_path);

}  // namespace dnabird::pipelines
