// Token ids of several sequences, padded to one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

#include "core/tensor.h"

namespace dnabird::model {

/// Token ids of sequences wherever they lie, in vectors or in parts of one; they must outlive it.
class SequenceList {
 public:
  using Sequence = std::span<const std::int32_t>;

  SequenceList() = default;
  template <std::ranges::contiguous_range Range>
  requires std::is_convertible_v<std::ranges::range_reference_t<Range>, Sequence> SequenceList(
      const Range& sequences)  // NOLINT(google-explicit-constructor): a view of its own
      : list_(std::ranges::begin(sequences), std::ranges::end(sequences)) {}

  std::size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  const Sequence& operator[](std::size_t i) const { return list_[i]; }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  std::vector<Sequence> list_;
};

struct TokenBatch {
  std::int64_t batch = 0;                  // B
  std::int64_t tokens = 0;                 // T = longest sequence
  core::Tensor ids;                        // (B,T) i32, [PAD] behind each sequence's end
  core::Tensor lengths;                    // (B) i32
  core::Tensor kmer_ends;                  // (B) i32: where [SEP] stands, at least 1
  std::vector<std::int32_t> host_lengths;  // the same, without a wait for the device
  std::int32_t largest_id = 0;             // of all ids; the model checks it against its vocabulary
};

/// Sequences of one batch must span the same number of blocks, ceil(length / block_size): the
/// pattern, and so the result, of each is then what it would be alone. `group_by_blocks` sorts
/// them out. Throws std::logic_error if they do not, if one is empty or an id is negative.
TokenBatch make_token_batch(core::KernelSet& kernels, const SequenceList& sequences,
                            std::int64_t block_size);
/// The same in place of what `batch` holds, in its tensors where they are of that shape.
void set_token_batch(core::KernelSet& kernels, const SequenceList& sequences,
                     std::int64_t block_size, TokenBatch& batch);

/// Indices of the sequences, in groups that span the same number of blocks; fewest blocks first,
/// the order of the sequences kept within a group.
std::vector<std::vector<std::size_t>> group_by_blocks(const SequenceList& sequences,
                                                      std::int64_t block_size);

}  // namespace dnabird::model
