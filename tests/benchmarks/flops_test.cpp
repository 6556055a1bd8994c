#include "benchmarks/flops.h"

#include <gtest/gtest.h>

#include "model/block_pattern.h"

namespace dnabird {
namespace {

model::ModelConfig base() {
  model::ModelConfig config;
  config.vocabulary = 32'000;
  config.layers = 12;
  config.channels = 768;
  config.heads = 12;
  config.feed_forward = 3072;
  config.positions = 4096;
  return config;
}

TEST(Flops, DenseAttentionCountsEveryPair) {
  model::ModelConfig config = base();
  config.full_attention = true;
  constexpr double kTokens = 100;  // the second block is partial
  const double linear = kTokens * 12 * 2 * (4 * 768. * 768 + 2 * 768. * 3072);
  const double attention = 12 * 4 * 64. * 12 * kTokens * kTokens;
  EXPECT_DOUBLE_EQ(benchmarks::encoder_flops(config, 3, 100), 3 * (linear + attention));
}

TEST(Flops, SparseAttentionCountsListedBlocks) {
  // 4,096 tokens are 64 blocks: two rows read all, 60 read 8, and the two beside the first and the
  // last, whose windows reach those, read 7.
  const double pairs = (2 * 64 + 60 * 8 + 2 * 7) * 64. * 64;
  const double attention = 12 * 4 * 64. * 12 * pairs;
  const double linear = 4096. * 12 * 2 * (4 * 768. * 768 + 2 * 768. * 3072);
  EXPECT_DOUBLE_EQ(benchmarks::encoder_flops(base(), 1, 4096), linear + attention);
  EXPECT_NEAR(benchmarks::encoder_flops(base(), 1, 4096) / 4096, 193e6, 1e6);
}

TEST(Flops, MaskedTokensCostTheirRowsAlone) {
  EXPECT_DOUBLE_EQ(benchmarks::masked_lm_flops(base(), 10), 10 * 2 * (768. * 768 + 768. * 32'000));
}

}  // namespace
}  // namespace dnabird
