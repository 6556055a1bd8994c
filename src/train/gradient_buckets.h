// Which parts of the gradients are summed over devices at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"

namespace dnabird::train {

/// Elements of the flat array of gradients.
struct GradientBucket {
  std::int64_t begin, size;
};

/// Buckets of at least `least` elements, but for the last one, in the order in which backward ends
/// with them: from the end of the array, where the heads lie, to the embeddings at its front. They
/// begin at borders of layers, which Model::encode_backward() announces, and hold each element
/// once.
std::vector<GradientBucket> gradient_buckets(const model::Model& model, std::int64_t least);

}  // namespace dnabird::train
