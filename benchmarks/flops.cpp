#include "benchmarks/flops.h"

#include <algorithm>

#include "model/block_pattern.h"
#include "model/model.h"

namespace dnabird::benchmarks {

namespace {

/// Pairs of a query and a key that meet, over all heads of one layer.
double token_pairs(const model::ModelConfig& config, std::int64_t tokens, std::int64_t layer) {
  const std::int64_t size = config.block_size, blocks = (tokens + size - 1) / size;
  const model::BlockPattern pattern = model::pattern_of_layer(config, blocks, layer);
  const auto tokens_of = [&](std::int64_t block) {
    return static_cast<double>(std::min(size, tokens - block * size));
  };
  double pairs = 0;
  for (std::int64_t row = 0; row < pattern.heads * blocks; ++row) {
    for (std::int32_t n = pattern.row_begin[row]; n < pattern.row_begin[row + 1]; ++n) {
      pairs += tokens_of(row % blocks) * tokens_of(pattern.key_block[n]);
    }
  }
  return pairs * static_cast<double>(config.heads / pattern.heads);
}

}  // namespace

double encoder_flops(const model::ModelConfig& config, std::int64_t batch, std::int64_t tokens) {
  const auto channels = static_cast<double>(config.channels);
  const auto inner = static_cast<double>(config.feed_forward);
  double flops = static_cast<double>(tokens * config.layers) *
                 (2 * (4 * channels * channels + 2 * channels * inner));
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    flops += 4 * static_cast<double>(config.head_size()) * token_pairs(config, tokens, layer);
  }
  return static_cast<double>(batch) * flops;
}

double behind_attention_flops(const model::ModelConfig& config, std::int64_t rows) {
  const auto channels = static_cast<double>(config.channels);
  const auto inner = static_cast<double>(config.feed_forward);
  return 2 * static_cast<double>(rows) * channels * (channels + 2 * inner);
}

double masked_lm_flops(const model::ModelConfig& config, std::int64_t rows) {
  const auto channels = static_cast<double>(config.channels);
  return 2 * static_cast<double>(rows) * channels *
         (channels + static_cast<double>(config.vocabulary));
}

double masked_step_flops(const model::ModelConfig& config, std::int64_t batch, std::int64_t tokens,
                         std::int64_t labelled) {
  return training_flops(encoder_flops(config, batch, tokens) -
                        behind_attention_flops(config, batch * tokens - labelled) +
                        masked_lm_flops(config, labelled));
}

}  // namespace dnabird::benchmarks
