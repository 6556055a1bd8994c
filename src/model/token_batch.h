// Token ids of several sequences, padded to one length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace dnabird::model {

struct TokenBatch {
  std::int64_t batch = 0;   // B
  std::int64_t tokens = 0;  // T = longest sequence
  core::Tensor ids;         // (B,T) i32, [PAD] behind each sequence's end
  core::Tensor lengths;     // (B) i32
};

/// Sequences of one batch must span the same number of blocks, ceil(length / block_size): the
/// pattern, and so the result, of each is then what it would be alone. `group_by_blocks` sorts
/// them out. Throws std::logic_error if they do not or if one is empty.
TokenBatch make_token_batch(core::KernelSet& kernels,
                            std::span<const std::vector<std::int32_t>> sequences,
                            std::int64_t block_size);

}  // namespace dnabird::model
