// Which kernels of block attention a case takes on CUDA, and the room for its partial results.
#include <gtest/gtest.h>

#include "kernels/cuda/attention_plan.h"

namespace dnabird::test {
namespace {

using namespace kernels::cuda;

TEST(CudaPlanTest, TilesWhereTheyFitAndPlainKernelsElsewhere) {
  const auto choose = [](ElementType type, int block, int head, int capability) {
    return choose_attention_kernels(type, block, head, capability);
  };
  for (const int head : {32, 64, 128}) {
    EXPECT_EQ(choose(ElementType::bf16, 64, head, 80), AttentionKernels::mma);
    EXPECT_EQ(choose(ElementType::bf16, 64, head, 90), AttentionKernels::wgmma);
    EXPECT_EQ(choose(ElementType::bf16, 64, head, 100), AttentionKernels::mma);
    EXPECT_EQ(choose(ElementType::bf16, 16, head, 90), AttentionKernels::plain);
    EXPECT_EQ(choose(ElementType::f32, 64, head, 90), AttentionKernels::plain);
  }
  EXPECT_EQ(choose(ElementType::bf16, 64, 48, 90), AttentionKernels::plain);
  EXPECT_THROW(choose(ElementType::bf16, 64, 129, 90), std::invalid_argument);
  EXPECT_EQ(split_rule_of(AttentionKernels::plain).forced_parts, 1);
  EXPECT_EQ(split_rule_of(AttentionKernels::wgmma).forced_parts, 0);
}

TEST(CudaPlanTest, RoomForPartialResults) {
  kernels::BlockAttentionArgs forward{};
  forward.batch = 2;
  forward.heads = 3;
  forward.head_size = 64;
  forward.pattern.block_size = 64;
  // out, largest score and sum of 64 queries in each slot of each head and sequence.
  EXPECT_EQ(forward_partial_bytes(forward, {5, 7}), 4 * 6 * 5 * 64 * 66);
  kernels::BlockAttentionGrad backward{};
  backward.batch = 2;
  backward.heads = 3;
  backward.head_size = 64;
  backward.pattern.block_size = 64;
  // dQ of rows, then dK and dV of columns, in the same place.
  EXPECT_EQ(backward_partial_bytes(backward, {5, 7}), 4 * 6 * 7 * 2 * 64 * 64);
  EXPECT_EQ(backward_partial_bytes(backward, {50, 7}), 4 * 6 * 50 * 64 * 64);
}

}  // namespace
}  // namespace dnabird::test
