#include "train/gradient_buckets.h"

namespace dnabird::train {

std::vector<GradientBucket> gradient_buckets(const model::Model& model, std::int64_t least) {
  std::vector<GradientBucket> buckets;
  std::int64_t end = model.parameters().size();
  for (std::int64_t layer = model.config().layers - 1; layer >= 0; --layer) {
    const std::int64_t begin = model.layer_begin(layer);
    if (end - begin < least) continue;
    buckets.push_back({begin, end - begin});
    end = begin;
  }
  buckets.push_back({0, end});
  return buckets;
}

}  // namespace dnabird::train
