#include "model/token_batch.h"

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::model {

namespace {

std::int64_t block_count(const std::vector<std::int32_t>& sequence, std::int64_t block_size) {
  return (static_cast<std::int64_t>(sequence.size()) + block_size - 1) / block_size;
}

}  // namespace

TokenBatch make_token_batch(core::KernelSet& kernels,
                            std::span<const std::vector<std::int32_t>> sequences,
                            std::int64_t block_size) {
  core::require(!sequences.empty(), "a batch without sequences");
  TokenBatch result;
  result.batch = static_cast<std::int64_t>(sequences.size());
  std::vector<std::int32_t> lengths;
  for (const auto& sequence : sequences) {
    core::require(!sequence.empty(), "a batch with an empty sequence");
    core::require(block_count(sequence, block_size) == block_count(sequences[0], block_size),
                  "sequences of " + std::to_string(sequences[0].size()) + " and " +
                      std::to_string(sequence.size()) +
                      " tokens span different numbers of blocks in one batch");
    const auto [smallest, largest] = std::minmax_element(sequence.begin(), sequence.end());
    core::require(*smallest >= 0, "negative token id " + std::to_string(*smallest));
    result.largest_id = std::max(result.largest_id, *largest);
    result.tokens = std::max(result.tokens, static_cast<std::int64_t>(sequence.size()));
    lengths.push_back(static_cast<std::int32_t>(sequence.size()));
  }
  std::vector<std::int32_t> ids(result.batch * result.tokens, seq::kPad);  // (B,T)
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    std::copy(sequences[b].begin(), sequences[b].end(),
              ids.begin() + static_cast<std::int64_t>(b) * result.tokens);
  }
  result.ids = core::Tensor::from_host(kernels, {result.batch, result.tokens},
                                       std::span<const std::int32_t>(ids));
  result.lengths =
      core::Tensor::from_host(kernels, {result.batch}, std::span<const std::int32_t>(lengths));
  return result;
}

std::vector<std::vector<std::size_t>> group_by_blocks(
    std::span<const std::vector<std::int32_t>> sequences, std::int64_t block_size) {
  std::map<std::int64_t, std::vector<std::size_t>> by_blocks;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    by_blocks[block_count(sequences[i], block_size)].push_back(i);
  }
  std::vector<std::vector<std::size_t>> groups;
  for (auto& [blocks, members] : by_blocks) groups.push_back(std::move(members));
  return groups;
}

}  // namespace dnabird::model
