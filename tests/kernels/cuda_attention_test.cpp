// The algorithm of the CUDA kernels of block attention, run on the host by emulated warps (the
// source that nvcc compiles), against the double reference on the same bf16 inputs.
#include <gtest/gtest.h>

#include "support/compare.h"
#include "support/cuda_attention_runs.h"

namespace dnabird::test {
namespace {

/// The gradients of query, key and value apart: a small one must not hide behind a large one.
std::vector<double> part_of(const std::vector<double>& qkv, std::int64_t width, int part) {
  std::vector<double> values;
  const auto row = static_cast<std::size_t>(width);
  for (std::size_t i = static_cast<std::size_t>(part) * row; i < qkv.size(); i += 3 * row) {
    values.insert(values.end(), qkv.begin() + static_cast<std::ptrdiff_t>(i),
                  qkv.begin() + static_cast<std::ptrdiff_t>(i + row));
  }
  return values;
}

double norm(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}

/// Error norm over reference norm.
struct Tolerance {
  double out = 5e-3, gradient = 1e-2;
};

void expect_close(const AttentionInputs& in, const AttentionResult& actual,
                  const Tolerance& most = {}) {
  const AttentionResult expected = in.reference();
  EXPECT_EQ(actual.faults, 0) << "races, bank conflicts or misaligned copies";
  EXPECT_LE(relative_error(actual.out, expected.out).by_norm, most.out);
  ASSERT_EQ(actual.log_sum_exp.size(), expected.log_sum_exp.size());
  for (std::size_t i = 0; i < expected.log_sum_exp.size(); ++i) {
    if (std::isinf(expected.log_sum_exp[i])) {
      ASSERT_EQ(actual.log_sum_exp[i], expected.log_sum_exp[i]);
    } else {
      ASSERT_NEAR(actual.log_sum_exp[i], expected.log_sum_exp[i],
                  1e-5 * (1 + std::abs(expected.log_sum_exp[i])));
    }
  }
  const std::int64_t width = in.c.heads * in.head_size;
  // With one key a softmax is constant and dQ, dK are 0 but for f32 rounding.
  const double floor = 1e-5 * norm(part_of(expected.dqkv, width, 2));
  for (int part = 0; part < 3; ++part) {
    const std::vector<double> truth = part_of(expected.dqkv, width, part);
    std::vector<double> error = part_of(actual.dqkv, width, part);
    for (std::size_t i = 0; i < error.size(); ++i) error[i] -= truth[i];
    EXPECT_LE(norm(error), most.gradient * norm(truth) + floor) << "part " << part;
  }
}

void expect_close(const AttentionCase& c, std::int64_t head_size, std::uint64_t seed,
                  const Tolerance& most = {}) {
  const AttentionInputs in(c, head_size, seed, Stored::bf16);
  expect_close(in, run_mma(in), most);
}

AttentionResult results(const AttentionCase& c, std::int64_t head_size, std::uint64_t seed) {
  return run_mma(AttentionInputs(c, head_size, seed, Stored::bf16));
}

TEST(CudaAttentionTest, HeadSizesAndSplits) {
  RandomValues random(3);
  for (const std::int64_t head_size : {32, 64, 128}) {
    for (const std::int32_t forced : {0, 1, 2, 7}) {
      SCOPED_TRACE(testing::Message() << "head size " << head_size << ", parts " << forced);
      expect_close({320, 2, {320, 200}, random_lists(2, 5, 64, random), forced}, head_size,
                   static_cast<std::uint64_t>(forced + 10 * head_size));
    }
  }
}

TEST(CudaAttentionTest, LengthsOfEveryKind) {
  RandomValues random(4);
  for (const std::int32_t residue : {0, 1, 17, 63}) {
    for (const std::int32_t blocks : {0, 1, 3}) {
      SCOPED_TRACE(testing::Message() << blocks << " blocks and " << residue);
      const std::int32_t length = 64 * blocks + residue;
      // A sequence that fills its tokens (whose last block may be partial) beside shorter ones.
      const std::int64_t tokens = std::max(length, 1) + residue % 3 * 40;
      expect_close({tokens,
                    1,
                    {length, static_cast<std::int32_t>(tokens), length / 2},
                    bird_lists(1, (tokens + 63) / 64, 64, random),
                    residue == 17 ? 2 : 0},
                   64, static_cast<std::uint64_t>(length));
    }
  }
}

TEST(CudaAttentionTest, EveryLengthOfTheLastBlock) {
  RandomValues random(5);
  for (std::int32_t length = 64; length <= 128; length += length % 16 == 0 ? 1 : 3) {
    SCOPED_TRACE(length);
    expect_close({128, 1, {length}, dense_lists(2, 64)}, 32, static_cast<std::uint64_t>(length));
  }
}

TEST(CudaAttentionTest, OneBlockToTwenty) {
  RandomValues random(6);
  for (const std::int64_t blocks : {1, 2, 3, 5, 11, 20}) {
    SCOPED_TRACE(blocks);
    expect_close({64 * blocks,
                  3,
                  {static_cast<std::int32_t>(64 * blocks)},
                  bird_lists(blocks % 2 == 0 ? 3 : 1, blocks, 64, random)},
                 32, static_cast<std::uint64_t>(blocks));
  }
}

TEST(CudaAttentionTest, LongRowsAreSplitByTheRule) {
  RandomValues random(7);
  expect_close({64 * 64, 1, {64 * 50 + 17}, bird_lists(1, 64, 64, random)}, 64, 7);
}

TEST(CudaAttentionTest, MultiplicitiesToFour) {
  const BlockLists lists{3, 64, {{{{0, 4}, {2, 1}}, {{0, 1}, {1, 2}, {2, 3}}, {{0, 4}, {1, 3}}}}};
  expect_close({192, 2, {192, 130}, lists}, 64, 8);
}

TEST(CudaAttentionTest, SmallerBlocksInTiles) {
  RandomValues random(14);
  for (const std::int64_t block_size : {16, 32}) {
    for (const std::int64_t head_size : {32, 64, 128}) {
      for (const std::int32_t forced : {0, 2}) {
        SCOPED_TRACE(testing::Message() << "blocks of " << block_size << ", head size " << head_size
                                        << ", parts " << forced);
        const std::int64_t tokens = 300, blocks = (tokens + block_size - 1) / block_size;
        // Rows without any key lie beside others in a tile; lengths end inside of a block.
        expect_close({tokens,
                      2,
                      {300, 131, 0, 16},
                      forced == 0 ? bird_lists(2, blocks, block_size, random)
                                  : random_lists(1, blocks, block_size, random),
                      forced},
                     head_size, static_cast<std::uint64_t>(block_size + head_size + forced));
      }
    }
  }
}

TEST(CudaAttentionTest, LargeScores) {
  // Scores to about +-60 and, with all keys against their query, far below 0: padded keys have
  // score 0 and must not overflow.
  expect_close({160, 1, {150}, dense_lists(3, 64), 0, 4.0}, 64, 9);
  // Nearly one-hot: dP and delta cancel, and what is left of the rounding of out weighs more.
  expect_close({160, 1, {150}, dense_lists(3, 64), 2, 12.0}, 32, 10, {5e-3, 2e-2});
}

TEST(CudaAttentionTest, ScoresThatRiseWithTheKeys) {
  // Base 2, from block to block: within the headroom, beyond it by little, far beyond, lower again.
  const double lifts[] = {0, 3, 7.5, 7.9, 17, 90, 20, -60};
  for (const std::int64_t head_size : {32, 64}) {
    AttentionInputs in({512, 2, {512, 500}, dense_lists(8, 64), 0, 0.1}, head_size, 15,
                       Stored::bf16);
    const auto head = static_cast<std::size_t>(head_size);
    for (std::size_t i = 0; i < in.qkv.size(); ++i) {
      const std::size_t part = i / (2 * head) % 3, token = i / (6 * head) % 512;
      const double width = static_cast<double>(head) * in.scale() * kernels::cuda::kLog2E;
      if (part == 0) in.qkv[i] += 1.0;
      if (part == 1) in.qkv[i] += lifts[token / 64] / width;
      in.qkv[i] = from_bf16(to_bf16(static_cast<float>(in.qkv[i])));
    }
    // Forward alone: what a block's keys share cancels in dQ, but for the rounding of dS.
    const AttentionResult expected = in.reference(), mma = run_mma(in);
    EXPECT_LE(relative_error(mma.out, expected.out).by_norm, 5e-3);
    EXPECT_TRUE(close(mma.log_sum_exp, expected.log_sum_exp, 1e-5));
    const AttentionResult hopper = run_hopper(in, {ProducerMood::eager, 3});
    EXPECT_TRUE(same_bits(hopper.out, mma.out));
    EXPECT_TRUE(same_bits(hopper.log_sum_exp, mma.log_sum_exp));
  }
}

TEST(CudaAttentionTest, WhatLiesBeyondALengthDoesNotCount) {
  AttentionCase c{300, 2, {270, 131}, dense_lists(5, 64), 0, 2.0};
  const AttentionInputs poisoned(c, 64, 16, Stored::bf16);
  c.padding = 50.0;  // scores that raise the rows beside them, were they not apart
  const AttentionInputs large(c, 64, 16, Stored::bf16);
  EXPECT_TRUE(same_bits(run_mma(large).out, run_mma(poisoned).out));
  EXPECT_TRUE(same_bits(run_mma(large).dqkv, run_mma(poisoned).dqkv));
  const HopperRun run{ProducerMood::eager, 2};
  EXPECT_TRUE(same_bits(run_hopper(large, run).out, run_hopper(poisoned, run).out));
  EXPECT_TRUE(same_bits(run_hopper(large, run).dqkv, run_hopper(poisoned, run).dqkv));
}

TEST(CudaAttentionTest, SplittingChangesOnlyTheOrderOfSums) {
  RandomValues random(11);
  const BlockLists lists = bird_lists(1, 20, 64, random);
  AttentionCase c{64 * 20, 1, {64 * 20 - 5}, lists, 1};
  const AttentionResult whole = results(c, 64, 11);
  const AttentionResult again = results(c, 64, 11);
  EXPECT_TRUE(same_bits(again.dqkv, whole.dqkv));
  EXPECT_TRUE(same_bits(again.out, whole.out));
  c.forced_parts = 7;
  const AttentionResult split = results(c, 64, 11);
  EXPECT_TRUE(close(split.log_sum_exp, whole.log_sum_exp, 1e-6));
  // P is rounded relative to another top, and results are bf16.
  EXPECT_LE(relative_error(split.out, whole.out).by_norm, 4e-3);
  EXPECT_LE(relative_error(split.dqkv, whole.dqkv).by_norm, 4e-3);
}

TEST(CudaAttentionTest, ASequenceGivesTheSameBytesInAnyBatch) {
  RandomValues random(12);
  const BlockLists lists = bird_lists(2, 9, 64, random);
  const AttentionResult alone = results({576, 2, {540}, lists, 0}, 32, 12);
  // The first sequence of a larger batch has the same inputs: values are drawn in order.
  AttentionCase c{576, 2, {540}, lists, 0};
  const AttentionResult same = results(c, 32, 12);
  c.lengths = {540, 576, 0};
  const AttentionResult larger = results(c, 32, 12);
  EXPECT_TRUE(same_bits(same.out, alone.out));
  EXPECT_TRUE(same_bits(std::span(larger.out).first(alone.out.size()), alone.out));
}

TEST(CudaAttentionTest, PlainKernelsTakeAnyBlockAndHead) {
  RandomValues random(13);
  for (const std::int64_t block_size : {1, 5, 16, 32, 64}) {
    for (const std::int64_t head_size : {3, 32, 100}) {
      SCOPED_TRACE(testing::Message() << "block " << block_size << ", head " << head_size);
      const auto tokens = static_cast<std::int32_t>(4 * block_size + block_size / 2);
      const AttentionCase c{
          tokens,
          2,
          {tokens, tokens - 3, 0},
          random_lists(2, (tokens + block_size - 1) / block_size, block_size, random)};
      const auto seed = static_cast<std::uint64_t>(100 * block_size + head_size);
      const AttentionInputs f32(c, head_size, seed, Stored::f32);
      expect_close(f32, run_plain<float, kernels::cuda::F32Element>(f32), {2e-6, 2e-5});
      const AttentionInputs bf16(c, head_size, seed, Stored::bf16);
      expect_close(bf16, run_plain<std::uint16_t, kernels::cuda::Bf16Element>(bf16));
    }
  }
}

}  // namespace
}  // namespace dnabird::test
