#include "kernels/cuda/attention/plan.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace dnabird::kernels::cuda {

namespace {

struct NamedKernels {
  const char* name;
  AttentionKernels kernels;
};
constexpr NamedKernels kNames[] = {{"plain", AttentionKernels::plain},
                                   {"mma", AttentionKernels::mma},
                                   {"wgmma", AttentionKernels::wgmma}};

std::int64_t partial_size(AttentionPass pass, const AttentionView& a) {
  switch (pass) {
    case AttentionPass::forward:
      return forward_partial_size(a.block_size, a.head_size);
    case AttentionPass::query_gradient:
      return query_partial_size(a.block_size, a.head_size);
    case AttentionPass::key_gradient:
      return key_partial_size(a.block_size, a.head_size);
  }
  throw std::invalid_argument("no such pass of block attention");
}

}  // namespace

std::optional<AttentionKernels> asked_attention_kernels() {
  const char* asked = std::getenv("DNABIRD_CUDA_ATTENTION");
  const std::string name = asked ? asked : "";
  if (name.empty()) return std::nullopt;
  for (const NamedKernels& named : kNames) {
    if (name == named.name) return named.kernels;
  }
  throw std::invalid_argument("DNABIRD_CUDA_ATTENTION is \"" + name +
                              "\", expected plain, mma or wgmma");
}

AttentionKernels tile_kernels(std::optional<AttentionKernels> asked, int capability) {
  const bool hopper = capability == 90;
  if (!asked) return hopper ? AttentionKernels::wgmma : AttentionKernels::mma;
  if (*asked == AttentionKernels::wgmma && !hopper) {
    throw std::invalid_argument("DNABIRD_CUDA_ATTENTION asks for wgmma, which sm_90 runs and sm_" +
                                std::to_string(capability) + " does not; unset it");
  }
  return *asked;
}

AttentionKernels choose_attention_kernels(const AttentionCase& c, AttentionKernels tiles) {
  const bool head = c.head_size == 32 || c.head_size == 64 || c.head_size == 128;
  // Tiles find the largest score before they scale it.
  const bool scale = c.scale > 0;
  if (c.type == ElementType::bf16 && tiles_hold(c.block_size) && head && scale && c.aligned) {
    return tiles;
  }
  if (c.head_size < 1 || c.head_size > 128) {
    throw std::invalid_argument("block attention on CUDA takes heads of at most 128, not " +
                                std::to_string(c.head_size));
  }
  return AttentionKernels::plain;
}

Schedule schedule_for(AttentionKernels kernels, const BlockPatternView& pattern, Side side) {
  if (kernels == AttentionKernels::plain) return compile_schedule(pattern, side, {16, 1});
  return compile_tile_schedule(pattern, side, {});
}

std::int64_t partial_floats(AttentionPass pass, const AttentionView& a) {
  return std::int64_t{a.batch} * a.heads * a.schedule.slots * partial_size(pass, a);
}

}  // namespace dnabird::kernels::cuda
