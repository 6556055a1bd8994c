#include "model/token_batch.h"

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::model {

namespace {

std::int64_t block_count(const SequenceList::Sequence& sequence, std::int64_t block_size) {
  return (static_cast<std::int64_t>(sequence.size()) + block_size - 1) / block_size;
}

/// Sets tokens, lengths and the largest id.
void measure(const SequenceList& sequences, std::int64_t block_size, TokenBatch& batch) {
  const std::int64_t blocks = block_count(sequences[0], block_size);
  std::int32_t smallest = 0, largest = 0;
  for (const SequenceList::Sequence& sequence : sequences) {
    core::require(!sequence.empty(), "a batch with an empty sequence");
    if (block_count(sequence, block_size) != blocks) {
      core::require(false, "sequences of " + std::to_string(sequences[0].size()) + " and " +
                               std::to_string(sequence.size()) +
                               " tokens span different numbers of blocks in one batch");
    }
    for (const std::int32_t id : sequence) {
      smallest = std::min(smallest, id);
      largest = std::max(largest, id);
    }
    batch.tokens = std::max(batch.tokens, static_cast<std::int64_t>(sequence.size()));
    batch.host_lengths.push_back(static_cast<std::int32_t>(sequence.size()));
  }
  batch.largest_id = largest;
  if (smallest < 0) core::require(false, "negative token id " + std::to_string(smallest));
}

}  // namespace

void set_token_batch(core::KernelSet& kernels, const SequenceList& sequences,
                     std::int64_t block_size, TokenBatch& batch) {
  core::require(!sequences.empty(), "a batch without sequences");
  batch.batch = static_cast<std::int64_t>(sequences.size());
  batch.tokens = 0;
  batch.host_lengths.clear();
  measure(sequences, block_size, batch);
  std::vector<std::int32_t> ids;  // (B,T)
  ids.reserve(static_cast<std::size_t>(batch.batch * batch.tokens));
  for (const SequenceList::Sequence& sequence : sequences) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    ids.resize(ids.size() + static_cast<std::size_t>(batch.tokens) - sequence.size(), seq::kPad);
  }
  core::set_or_make(kernels, {batch.batch, batch.tokens}, std::span<const std::int32_t>(ids),
                    batch.ids);
  core::set_or_make(kernels, {batch.batch}, std::span<const std::int32_t>(batch.host_lengths),
                    batch.lengths);
  std::vector<std::int32_t> ends;
  for (const std::int32_t length : batch.host_lengths) ends.push_back(std::max(1, length - 1));
  core::set_or_make(kernels, {batch.batch}, std::span<const std::int32_t>(ends), batch.kmer_ends);
}

TokenBatch make_token_batch(core::KernelSet& kernels, const SequenceList& sequences,
                            std::int64_t block_size) {
  TokenBatch batch;
  set_token_batch(kernels, sequences, block_size, batch);
  return batch;
}

std::vector<std::vector<std::size_t>> group_by_blocks(const SequenceList& sequences,
                                                      std::int64_t block_size) {
  std::map<std::int64_t, std::vector<std::size_t>> by_blocks;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    by_blocks[block_count(sequences[i], block_size)].push_back(i);
  }
  std::vector<std::vector<std::size_t>> groups;
  groups.reserve(by_blocks.size());
  for (auto& [blocks, members] : by_blocks) groups.push_back(std::move(members));
  return groups;
}

}  // namespace dnabird::model
