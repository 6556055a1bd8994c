#include "kernels/cpu/packed_weights.h"

namespace dnabird::kernels::cpu {

namespace {

const std::byte* as_bytes(const void* memory) { return static_cast<const std::byte*>(memory); }

}  // namespace

PackedWeights::~PackedWeights() {
  for (const auto& [weight, kept] : weights_) pool_.release(kept.packed);
}

void PackedWeights::add_parameters(const void* begin, std::size_t bytes) {
  parameters_[begin] = bytes;
}

void PackedWeights::remove_parameters(const void* begin) {
  const auto found = parameters_.find(begin);
  if (found == parameters_.end()) return;
  const std::byte* end = as_bytes(begin) + found->second;
  parameters_.erase(found);
  auto kept = weights_.lower_bound({static_cast<const float*>(begin), WeightShape{}});
  while (kept != weights_.end() && as_bytes(kept->first.first) < end) {
    pool_.release(kept->second.packed);
    kept = weights_.erase(kept);
  }
}

void PackedWeights::changed(const void* begin, std::size_t bytes) {
  const std::byte* end = as_bytes(begin) + bytes;
  auto parameters = parameters_.upper_bound(begin);
  if (parameters == parameters_.begin()) return;
  --parameters;
  if (as_bytes(begin) >= as_bytes(parameters->first) + parameters->second) return;
  for (auto& [weight, kept] : weights_) {
    if (as_bytes(weight.first) < end && as_bytes(kept.end) > as_bytes(begin)) kept.stale = true;
  }
}

const void* PackedWeights::find(const float* weight, const WeightShape& shape,
                                const OneDnnPacking& packing) {
  const auto found = weights_.find({weight, shape});
  if (found != weights_.end() && !found->second.stale) return found->second.packed;
  if (found != weights_.end()) {
    packing.run(weight, found->second.packed);
    found->second.stale = false;
    return found->second.packed;
  }
  const auto behind = parameters_.upper_bound(weight);
  if (behind == parameters_.begin()) return nullptr;
  const auto& [begin, bytes] = *std::prev(behind);
  const float* end = weight + shape.k * shape.n;
  if (as_bytes(end) > as_bytes(begin) + bytes) return nullptr;
  void* packed = pool_.allocate(packing.bytes());
  packing.run(weight, packed);
  weights_[{weight, shape}] = {packed, end, false};
  return packed;
}

}  // namespace dnabird::kernels::cpu
