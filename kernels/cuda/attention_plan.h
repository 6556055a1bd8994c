// Which kernels take a case of block attention, and how much room it needs. Plain C++.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "kernels/cuda/attention_view.h"

namespace dnabird::kernels::cuda {

/// attention_kernels_plain.cu, attention_kernels_sm80.cu, attention_kernels_sm90.cu.
enum class AttentionKernels { plain, mma, wgmma };

/// `capability` is 10 * major + minor of the device. sm_90a code runs on 9.0 alone. Throws
/// std::invalid_argument for heads that no kernel takes.
inline AttentionKernels choose_attention_kernels(ElementType type, std::int64_t block_size,
                                                 std::int64_t head_size, int capability) {
  const bool tiles = head_size == 32 || head_size == 64 || head_size == 128;
  if (type == ElementType::bf16 && block_size == kBlock && tiles) {
    return capability == 90 ? AttentionKernels::wgmma : AttentionKernels::mma;
  }
  if (head_size < 1 || head_size > 128) {
    throw std::invalid_argument("block attention on CUDA takes heads of at most 128");
  }
  return AttentionKernels::plain;
}

/// The plain kernels take whole rows.
inline SplitRule split_rule_of(AttentionKernels kernels) {
  return kernels == AttentionKernels::plain ? SplitRule{16, 1} : SplitRule{};
}

/// Slots of the schedules of both sides.
struct AttentionSlots {
  std::int64_t rows, columns;
};

/// Bytes of partial results that the passes of forward, or of backward, need in turn; delta comes
/// on top in backward, (B,H,T) floats.
inline std::int64_t forward_partial_bytes(const BlockAttentionArgs& a, const AttentionSlots& s) {
  return 4 * a.batch * a.heads * s.rows * forward_partial_size(a.pattern.block_size, a.head_size);
}
inline std::int64_t backward_partial_bytes(const BlockAttentionGrad& a, const AttentionSlots& s) {
  const std::int64_t rows = s.rows * query_partial_size(a.pattern.block_size, a.head_size);
  const std::int64_t columns = s.columns * key_partial_size(a.pattern.block_size, a.head_size);
  return 4 * a.batch * a.heads * std::max(rows, columns);
}

}  // namespace dnabird::kernels::cuda
