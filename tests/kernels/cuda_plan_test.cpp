// Which kernels of block attention a call takes on CUDA, the room for its partial results, and how
// long schedules are kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "kernels/cuda/attention/plan.h"
#include "kernels/cuda/runtime/recently_used.h"
#include "support/block_lists.h"

namespace dnabird::test {
namespace {

using namespace kernels::cuda;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr AttentionKernels kTiles = AttentionKernels::wgmma;

AttentionCase bf16_case(std::int64_t block_size, std::int64_t head_size) {
  return {ElementType::bf16, block_size, head_size, 0.125, true};
}

TEST(CudaPlanTest, TilesWhereTheyFitAndPlainKernelsElsewhere) {
  for (const int head : {32, 64, 128}) {
    for (const int block : {16, 32, 64}) {
      EXPECT_EQ(choose_attention_kernels(bf16_case(block, head), kTiles), kTiles);
    }
    for (const int block : {1, 8, 48, 128}) {
      EXPECT_EQ(choose_attention_kernels(bf16_case(block, head), kTiles), AttentionKernels::plain);
    }
    AttentionCase c = bf16_case(64, head);
    c.type = ElementType::f32;
    EXPECT_EQ(choose_attention_kernels(c, kTiles), AttentionKernels::plain);
    c = bf16_case(64, head);
    c.aligned = false;
    EXPECT_EQ(choose_attention_kernels(c, kTiles), AttentionKernels::plain);
    for (const double scale : {0.0, -0.125}) {
      c = bf16_case(64, head);
      c.scale = scale;
      EXPECT_EQ(choose_attention_kernels(c, kTiles), AttentionKernels::plain);
    }
  }
  for (const int head : {1, 16, 48, 127}) {
    EXPECT_EQ(choose_attention_kernels(bf16_case(64, head), kTiles), AttentionKernels::plain);
  }
  EXPECT_THAT([] { choose_attention_kernels(bf16_case(64, 129), kTiles); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("at most 128, not 129")));
}

TEST(CudaPlanTest, SchedulesInBlocksOfTheKernels) {
  const HostPattern pattern(dense_lists(200, 16));
  const Schedule plain = schedule_for(AttentionKernels::plain, pattern.view(), Side::rows);
  EXPECT_EQ(plain.units.size(), 200U);
  EXPECT_EQ(plain.slots, 0);
  const Schedule tiles = schedule_for(AttentionKernels::mma, pattern.view(), Side::rows);
  EXPECT_EQ(tiles.items.size(), 50U * 50U);
  EXPECT_EQ(tiles.splits.size(), 50U);  // rows of 50 in four parts each
}

TEST(CudaPlanTest, ADeviceRunsTheFastestKernelsThatItHas) {
  EXPECT_EQ(tile_kernels({}, 80), AttentionKernels::mma);
  EXPECT_EQ(tile_kernels({}, 89), AttentionKernels::mma);
  EXPECT_EQ(tile_kernels({}, 90), AttentionKernels::wgmma);
  EXPECT_EQ(tile_kernels({}, 100), AttentionKernels::mma);
  EXPECT_EQ(tile_kernels(AttentionKernels::mma, 90), AttentionKernels::mma);
  EXPECT_EQ(tile_kernels(AttentionKernels::plain, 90), AttentionKernels::plain);
  EXPECT_THAT([] { tile_kernels(AttentionKernels::wgmma, 100); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("sm_100 does not")));
}

/// Sets DNABIRD_CUDA_ATTENTION for a scope.
class Asked {
 public:
  explicit Asked(const char* name) { setenv("DNABIRD_CUDA_ATTENTION", name, 1); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  ~Asked() { unsetenv("DNABIRD_CUDA_ATTENTION"); }
};

TEST(CudaPlanTest, TheEnvironmentNamesKernels) {
  EXPECT_FALSE(asked_attention_kernels().has_value());
  {
    const Asked asked("mma");
    EXPECT_EQ(asked_attention_kernels(), AttentionKernels::mma);
  }
  {
    const Asked asked("");
    EXPECT_FALSE(asked_attention_kernels().has_value());
  }
  const Asked asked("tma");
  EXPECT_THAT(asked_attention_kernels, ThrowsMessage<std::invalid_argument>(
                                           HasSubstr("\"tma\", expected plain, mma or wgmma")));
}

TEST(CudaPlanTest, RoomForPartialResults) {
  AttentionView a{};
  a.batch = 2;
  a.heads = 3;
  a.head_size = 64;
  a.block_size = 64;
  a.schedule.slots = 5;
  // In each slot of each head and sequence: out, largest score and sum of 64 queries; dQ; dK and
  // dV.
  EXPECT_EQ(partial_floats(AttentionPass::forward, a), 6 * 5 * 64 * 66);
  EXPECT_EQ(partial_floats(AttentionPass::query_gradient, a), 6 * 5 * 64 * 64);
  EXPECT_EQ(partial_floats(AttentionPass::key_gradient, a), 6 * 5 * 2 * 64 * 64);
}

TEST(CudaPlanTest, WhatWasNotUsedForLongestMakesRoom) {
  RecentlyUsed<int, std::string> kept(100);
  EXPECT_EQ(kept.find(1), nullptr);
  kept.insert(1, "one", 40);
  kept.insert(2, "two", 40);
  ASSERT_NE(kept.find(1), nullptr);
  EXPECT_EQ(*kept.find(1), "one");
  kept.insert(3, "three", 30);  // 110: two goes, which was used before one
  EXPECT_EQ(kept.find(2), nullptr);
  EXPECT_NE(kept.find(1), nullptr);
  EXPECT_NE(kept.find(3), nullptr);
  kept.insert(4, "four", 500);  // stays alone
  EXPECT_EQ(kept.size(), 1U);
  EXPECT_EQ(*kept.find(4), "four");
  kept.insert(5, "five", 1);
  EXPECT_EQ(kept.find(4), nullptr);
  EXPECT_EQ(*kept.find(5), "five");
}

}  // namespace
}  // namespace dnabird::test
