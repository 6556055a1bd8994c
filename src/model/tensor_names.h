// The names that tensors have in other people's model folders.
#pragma once

#include <string>

#include "model/model_config.h"

namespace dnabird::model {

/// The name here: with the leading "bert." that base models lack, with weight and bias for the
/// gamma and beta of old norms.
std::string tensor_name_here(const std::string& stored);

/// Another name under which a tensor of the model is stored once more: the decoder of the
/// masked-token head, which is the word embedding where they are tied, and its bias. Empty if the
/// name (here) is no such copy.
std::string original_of_copy(const ModelConfig& config, const std::string& name);

/// Tensors (here) that a model of this configuration has no use for: a pooler without a head on it,
/// the head for pairs of sentences, tables of indices.
bool is_unused(const ModelConfig& config, const std::string& name);

}  // namespace dnabird::model
