// What a parameter is before training.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_config.h"
#include "model/parameters.h"

namespace dnabird::model {

/// Row-major values of one parameter, which hang on configuration, name and seed alone:
/// matrices and embeddings Normal(0, initializer_range), biases zero, norms one, [PAD]'s row zero.
/// Three things begin nearer to where training takes them:
///   positions are sinusoidal, of the same scale;
///   a k-mer's row is for the most part a sum of vectors for its bases at their places;
///   half of the heads look at tokens some distance back or ahead, 1 in the first layer and
///   twice as far in every further one (for overlapping k-mers k/2 times that), at most a block.
std::vector<float> initial_values(const ModelConfig& config, const ParameterInfo& parameter,
                                  std::uint64_t seed);

}  // namespace dnabird::model
