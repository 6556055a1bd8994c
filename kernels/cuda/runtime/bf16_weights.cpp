#include "kernels/cuda/runtime/bf16_weights.h"

#include <iterator>

#include "kernels/cuda/ops/to_bf16.h"
#include "kernels/cuda/runtime/capture.h"
#include "kernels/cuda/runtime/context.h"

namespace dnabird::kernels::cuda {

namespace {

const std::byte* as_bytes(const void* memory) { return static_cast<const std::byte*>(memory); }

}  // namespace

Bf16Weights::~Bf16Weights() {
  for (const auto& [begin, kept] : parameters_) pool_.release(kept.rounded);
}

void Bf16Weights::add_parameters(const void* begin, std::size_t bytes) {
  remove_parameters(begin);
  parameters_[as_bytes(begin)] = {bytes};
}

void Bf16Weights::remove_parameters(const void* begin) {
  const auto found = parameters_.find(as_bytes(begin));
  if (found == parameters_.end()) return;
  pool_.release(found->second.rounded);
  parameters_.erase(found);
}

void Bf16Weights::changed(const void* begin, std::size_t bytes) {
  const std::byte* end = as_bytes(begin) + bytes;
  // The allocation that holds `begin` is the last that begins at or before it.
  auto kept = parameters_.upper_bound(as_bytes(begin));
  if (kept != parameters_.begin()) --kept;
  for (; kept != parameters_.end() && kept->first < end; ++kept) {
    if (as_bytes(begin) < kept->first + kept->second.bytes) kept->second.stale = true;
  }
}

const Bf16* Bf16Weights::find(const Context& context, const float* weight, std::size_t elements) {
  const auto behind = parameters_.upper_bound(as_bytes(weight));
  if (behind == parameters_.begin()) return nullptr;
  auto& [begin, kept] = *std::prev(behind);
  if (as_bytes(weight + elements) > begin + kept.bytes) return nullptr;
  if (kept.stale) round(context, begin, kept);
  return kept.rounded + (weight - reinterpret_cast<const float*>(begin));
}

void Bf16Weights::refresh(const Context& context) {
  for (auto& [begin, kept] : parameters_) {
    if (kept.stale && kept.rounded != nullptr) round(context, begin, kept);
  }
}

void Bf16Weights::round(const Context& context, const std::byte* begin, Kept& kept) const {
  context.capture.refuse("weights that have not been rounded before");
  const std::size_t all = kept.bytes / sizeof(float);
  if (kept.rounded == nullptr) {
    kept.rounded = static_cast<Bf16*>(pool_.allocate(all * sizeof(Bf16)));
  }
  to_bf16(context, all, reinterpret_cast<const float*>(begin), kept.rounded);
  kept.stale = false;
}

}  // namespace dnabird::kernels::cuda
