// The algorithm of the sm_90a kernels (TMA, wgmma, mbarriers, a producer warp), run on the host
// from the source that nvcc compiles, against the double reference and the algorithm of sm_80.
#include <gtest/gtest.h>

#include "support/compare.h"
#include "support/cuda_attention_runs.h"

namespace dnabird::test {
namespace {

void expect_close(const AttentionCase& c, std::int64_t head_size, std::uint64_t seed) {
  const AttentionInputs in(c, head_size, seed, Stored::bf16);
  const AttentionResult expected = in.reference();
  const AttentionResult lazy = run_hopper(in, {ProducerMood::lazy, 1});
  EXPECT_EQ(lazy.faults, 0) << "races, unfinished products, bytes that did not come";
  // Whenever tiles come and whatever unit came before, results are the same: nothing is read or
  // released too early.
  for (const HopperRun& run :
       {HopperRun{ProducerMood::eager, 1}, HopperRun{ProducerMood::lazy, 2},
        HopperRun{ProducerMood::eager, 7}, HopperRun{ProducerMood::lazy, 1000}}) {
    SCOPED_TRACE(run.blocks);
    const AttentionResult other = run_hopper(in, run);
    EXPECT_EQ(other.faults, 0);
    EXPECT_TRUE(same_bits(other.out, lazy.out));
    EXPECT_TRUE(same_bits(other.dqkv, lazy.dqkv));
  }
  EXPECT_LE(relative_error(lazy.out, expected.out).by_norm, 5e-3);
  EXPECT_TRUE(close(lazy.log_sum_exp, expected.log_sum_exp, 1e-5));
  EXPECT_LE(relative_error(lazy.dqkv, expected.dqkv).by_norm, 1e-2);
  const AttentionResult mma = run_mma(in);
  EXPECT_LE(relative_error(lazy.out, mma.out).by_norm, 1e-3);
  // dS is made of rounded P and dP here: measured to 2.43e-3 over all cases of this file.
  EXPECT_LE(relative_error(lazy.dqkv, mma.dqkv).by_norm, 2.5e-3);
}

TEST(CudaHopperTest, HeadSizesAndSplits) {
  RandomValues random(20);
  for (const std::int64_t head_size : {32, 64, 128}) {
    for (const std::int32_t forced : {0, 1, 2, 7}) {
      SCOPED_TRACE(testing::Message() << "head size " << head_size << ", parts " << forced);
      expect_close({300, 2, {300, 130}, random_lists(2, 5, 64, random), forced}, head_size,
                   static_cast<std::uint64_t>(forced + 10 * head_size));
    }
  }
}

TEST(CudaHopperTest, LengthsOfEveryKind) {
  RandomValues random(21);
  for (const std::int32_t length : {0, 1, 17, 63, 64, 65, 64 + 17, 127, 128, 128 + 17, 200}) {
    SCOPED_TRACE(length);
    const std::int64_t tokens = length + length % 3 * 40 + 7;
    expect_close({tokens,
                  1,
                  {static_cast<std::int32_t>(tokens), length},
                  bird_lists(1, (tokens + 63) / 64, 64, random)},
                 length % 2 == 0 ? 64 : 32, static_cast<std::uint64_t>(length));
  }
}

TEST(CudaHopperTest, SmallerBlocksInTiles) {
  RandomValues random(22);
  for (const std::int64_t block_size : {16, 32}) {
    for (const std::int64_t head_size : {32, 64, 128}) {
      SCOPED_TRACE(testing::Message() << "blocks of " << block_size << ", head " << head_size);
      const std::int64_t tokens = 200, blocks = (tokens + block_size - 1) / block_size;
      expect_close({tokens,
                    2,
                    {200, 131},
                    block_size == 16 ? bird_lists(2, blocks, block_size, random)
                                     : random_lists(1, blocks, block_size, random),
                    head_size == 64 ? 2 : 0},
                   head_size, static_cast<std::uint64_t>(block_size + head_size));
    }
  }
}

/// One pair to twenty: every state of two stages and their parities.
TEST(CudaHopperTest, OneKeyBlockToTwenty) {
  for (std::int64_t blocks = 1; blocks <= 20; blocks += blocks < 6 ? 1 : 7) {
    BlockLists lists{blocks, 64, {}};
    lists.keys.emplace_back(static_cast<std::size_t>(blocks));
    for (std::int32_t key = 0; key < blocks; ++key) {
      lists.keys[0][0][key] = 1 + key % 4;
      lists.keys[0][static_cast<std::size_t>(key)][0] = 1 + key % 4;
    }
    expect_close({64 * blocks, 1, {static_cast<std::int32_t>(64 * blocks)}, lists, 1}, 32,
                 static_cast<std::uint64_t>(blocks));
  }
}

TEST(CudaHopperTest, BarriersCompleteByArrivalsAndBytes) {
  HostHopperCta cta(1024, ProducerMood::lazy);
  cta.start_barrier(0, 4);
  EXPECT_TRUE(cta.ready(0, 1));   // the phase before the first counts as complete
  EXPECT_FALSE(cta.ready(0, 0));  // the first does not
  cta.each_warp([&](HostHopperWarp& warp) {
    EXPECT_FALSE(cta.ready(0, 0));
    cta.release(warp, 0);
  });
  EXPECT_TRUE(cta.ready(0, 0));
  EXPECT_FALSE(cta.ready(0, 1));
  cta.start_barrier(8, 1);
  cta.expect_bytes(8, 4096);
  EXPECT_FALSE(cta.ready(8, 0));
  EXPECT_GT(cta.faults(), 0);  // bytes that did not come
}

TEST(CudaHopperTest, DescriptorFieldsLieWhereTheManualSays) {
  using namespace kernels::cuda;
  using T64 = Tile<64, 64>;
  using T32 = Tile<64, 32>;
  using T128 = Tile<64, 128>;
  // Head of 64 as k: start 0x2400 / 16 + 2 k, groups of 8 rows 1,024 bytes apart, swizzle 1.
  EXPECT_EQ(rows_descriptor<T64>(0x2400, 0, 0), 0x4000004000010240ULL);
  EXPECT_EQ(rows_descriptor<T64>(0x2400, 0, 3), 0x4000004000010246ULL);
  EXPECT_EQ(rows_descriptor<T64>(0x2400, 32, 1), 0x4000004000010342ULL);
  // Head of 128: k of 4 begins the second panel, 8,192 bytes further.
  EXPECT_EQ(rows_descriptor<T128>(0, 0, 4), 0x4000004000010200ULL);
  EXPECT_EQ(rows_descriptor<T128>(0, 0, 7), 0x4000004000010206ULL);
  // Head of 32: groups 512 bytes apart, swizzle 2.
  EXPECT_EQ(rows_descriptor<T32>(0, 0, 1), 0x8000002000010002ULL);
  // Head as n: 16 rows are 2,048 bytes, panels are the leading offset.
  EXPECT_EQ(columns_descriptor<T64>(0, 16), 0x4000004002000080ULL);
  EXPECT_EQ(columns_descriptor<T128>(0, 48), 0x4000004002000180ULL);
  EXPECT_EQ(columns_descriptor<T32>(0, 16), 0x8000002001000040ULL);
}

/// Every element of every operand that a descriptor names.
template <class T>
void expect_operands() {
  HostSharedMemory shared(T::kBytes);
  for (std::uint32_t row = 0; row < T::kRows; ++row) {
    for (std::uint32_t d = 0; d < T::kHead; ++d) {
      // Exact in bf16: the row, or with it the element.
      const std::uint16_t value = to_bf16(static_cast<float>(row + (d % 2) * 128));
      std::memcpy(shared.write(T::offset(row, d / 8) + d % 8 * 2, 2, 0), &value, 2);
    }
  }
  std::vector<std::byte> by_element(T::kBytes);
  for (std::uint32_t row = 0; row < T::kRows; ++row) {
    for (std::uint32_t d = 0; d < T::kHead; ++d) {
      const std::uint16_t value = to_bf16(static_cast<float>(d));
      std::memcpy(&by_element[T::offset(row, d / 8) + d % 8 * 2], &value, 2);
    }
  }
  for (std::uint32_t k = 0; k < T::kHead / 16; ++k) {
    for (const std::uint32_t first : {0U, 32U}) {
      const std::uint64_t rows = kernels::cuda::rows_descriptor<T>(0, first, k);
      const HostOperand in_rows(shared.bytes(), rows), in_elements(by_element, rows);
      for (std::uint32_t i = 0; i < T::kRows - first; ++i) {
        for (std::uint32_t depth = 0; depth < 16; ++depth) {
          ASSERT_EQ(in_rows.k_major(i, depth), static_cast<float>(first + i + depth % 2 * 128));
          ASSERT_EQ(in_elements.k_major(i, depth), static_cast<float>(16 * k + depth));
        }
      }
    }
  }
  for (std::uint32_t first = 0; first < T::kRows; first += 16) {
    const std::uint64_t columns = kernels::cuda::columns_descriptor<T>(0, first);
    const HostOperand in_rows(shared.bytes(), columns), in_elements(by_element, columns);
    for (std::uint32_t n = 0; n < T::kHead; ++n) {
      for (std::uint32_t depth = 0; depth < 16; ++depth) {
        ASSERT_EQ(in_rows.mn_major(n, depth), static_cast<float>(first + depth + n % 2 * 128));
        ASSERT_EQ(in_elements.mn_major(n, depth), static_cast<float>(n));
      }
    }
  }
}

TEST(CudaHopperTest, DescriptorsNameTheElementsOfTiles) {
  expect_operands<kernels::cuda::Tile<64, 32>>();
  expect_operands<kernels::cuda::Tile<64, 64>>();
  expect_operands<kernels::cuda::Tile<64, 128>>();
}

TEST(CudaHopperTest, BoxesTakeTheTilesOfThePackedLayout) {
  using namespace kernels::cuda;
  AttentionView a{};
  a.batch = 2;
  a.tokens = 100;
  a.heads = 3;
  a.head_size = 64;
  const TensorShape qkv = qkv_tensor(a), out = out_tensor(a);
  for (std::int32_t batch = 0; batch < 2; ++batch) {
    for (std::int32_t head = 0; head < 3; ++head) {
      const HeadPlace place{batch, head, batch * 3 + head};
      const auto offset = [](const TensorShape& s, const BoxPlace& at) {
        return at.element * 2 + at.part * s.stride_bytes[0] + at.token * s.stride_bytes[1] +
               at.batch * s.stride_bytes[2];
      };
      for (const Part part : {Part::query, Part::key, Part::value}) {
        EXPECT_EQ(offset(qkv, box_of_qkv(a, place, part, 1)), 2 * place.in_qkv(a, part, 64, 64));
      }
      EXPECT_EQ(offset(out, box_of_out(place, 1)), 2 * place.in_out(a, 64, 64));
    }
  }
  EXPECT_EQ(qkv.box[2], 64U);
  EXPECT_EQ(qkv.size[2], 100U);  // rows from 100 on are filled with zeros
}

}  // namespace
}  // namespace dnabird::test
