// The passes of block attention on a device. Each takes the schedule of its side (rows for forward
// and dQ, columns for dK and dV) and room for its partial results, and runs on the stream in the
// order of the calls: backward is query_gradient, which writes delta, then key_gradient.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// Calls launch(std::integral_constant<int, head_size>) for the heads that kernels for tiles take;
/// std::invalid_argument for others, which says `what` does not take them.
template <class Launch>
void for_head_size(std::int64_t head_size, const char* what, const Launch& launch) {
  switch (head_size) {
    case 32:
      return launch(std::integral_constant<int, 32>());
    case 64:
      return launch(std::integral_constant<int, 64>());
    case 128:
      return launch(std::integral_constant<int, 128>());
    default:
      throw std::invalid_argument(std::string(what) + " takes heads of 32, 64 and 128");
  }
}

/// bf16, blocks of 64, heads of 32, 64, 128 (std::invalid_argument otherwise), sm_80 on.
void launch_attention_mma(AttentionPass pass, std::int64_t head_size, const AttentionView& view,
                          cudaStream_t stream);

/// The same on sm_90a, with what only Hopper has.
void launch_attention_wgmma(AttentionPass pass, std::int64_t head_size, const AttentionView& view,
                            cudaStream_t stream);

/// Combines the partial results of the two above, which call it.
void launch_attention_combine(AttentionPass pass, std::int64_t head_size, const AttentionView& view,
                              cudaStream_t stream);

/// Any block size, heads to 128, a schedule without splits (std::invalid_argument otherwise).
void launch_attention_plain(AttentionPass pass, ElementType type, const AttentionView& view,
                            cudaStream_t stream);

}  // namespace dnabird::kernels::cuda
