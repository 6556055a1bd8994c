// Token ids of several sequences, padded to one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace dnabird::model {

struct TokenBatch {
  std::int64_t batch = 0;       // B
  std::int64_t tokens = 0;      // T = longest sequence
  core::Tensor ids;             // (B,T) i32, [PAD] behind each sequence's end
  core::Tensor lengths;         // (B) i32
  std::int32_t largest_id = 0;  // of all ids; the model checks it against its vocabulary
};

/// Sequences of one batch must span the same number of blocks, ceil(length / block_size): the
/// pattern, and so the result, of each is then what it would be alone. `group_by_blocks` sorts
/// them out. Throws std::logic_error if they do not, if one is empty or an id is negative.
TokenBatch make_token_batch(core::KernelSet& kernels,
                            std::span<const std::vector<std::int32_t>> sequences,
                            std::int64_t block_size);

/// Indices of the sequences, in groups that span the same number of blocks; fewest blocks first,
/// the order of the sequences kept within a group.
std::vector<std::vector<std::size_t>> group_by_blocks(
    std::span<const std::vector<std::int32_t>> sequences, std::int64_t block_size);

}  // namespace dnabird::model
