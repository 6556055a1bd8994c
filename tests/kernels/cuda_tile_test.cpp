// Index arithmetic of the CUDA tiles, exhaustively: the permutation of chunks, ldmatrix addresses,
// fragment layouts, which unit a thread block takes, rows of partial blocks.
#include <gtest/gtest.h>

#include <set>

#include "kernels/cuda/attention/tile.h"
#include "kernels/cuda/attention/view.h"
#include "support/cuda_host_warp.h"

namespace dnabird::test {
namespace {

using kernels::cuda::Tile;

/// What TMA and wgmma call 128-byte (64-byte) swizzle of a byte address.
std::uint32_t swizzled(std::uint32_t address, std::uint32_t row_bytes) {
  if (row_bytes == 128) return address ^ ((address >> 7U & 7U) << 4U);
  return address ^ ((address >> 7U & 3U) << 4U);
}

template <class T>
void expect_swizzle() {
  std::set<std::uint32_t> used;
  for (std::uint32_t row = 0; row < T::kRows; ++row) {
    for (std::uint32_t chunk = 0; chunk < T::kRowChunks; ++chunk) {
      const std::uint32_t panel = chunk * 8 / T::kPanelHead;
      const std::uint32_t plain =
          panel * T::kPanelBytes + row * T::kRowBytes + (chunk * 8 - panel * T::kPanelHead) * 2;
      const std::uint32_t offset = T::offset(row, chunk);
      ASSERT_EQ(offset, swizzled(plain, T::kRowBytes));
      ASSERT_TRUE(used.insert(offset).second);
      ASSERT_LE(offset + 16, static_cast<std::uint32_t>(T::kBytes));
      for (std::uint32_t k = 0; chunk < 2 && k < T::kHead / 16; ++k) {
        ASSERT_EQ(T::step(offset, k), T::offset(row, chunk + 2 * k));
        ASSERT_EQ(T::step(offset + 0x2000, k), T::offset(row, chunk + 2 * k) + 0x2000);
      }
      if (row + 16 < T::kRows) {
        ASSERT_EQ(T::offset(row + 16, chunk), offset + 16 * T::kRowBytes);
      }
    }
  }
  EXPECT_EQ(static_cast<int>(used.size()) * 16, T::kBytes);
}

TEST(CudaTileTest, ChunksArePermutedAsTmaDoesIt) {
  expect_swizzle<Tile<64, 32>>();
  expect_swizzle<Tile<64, 64>>();
  expect_swizzle<Tile<64, 128>>();
}

/// Eight rows of one chunk, from any multiple of eight, lie in eight bank groups of 16 bytes.
template <class T>
void expect_no_conflicts() {
  for (std::uint32_t row = 0; row < T::kRows; row += 8) {
    for (std::uint32_t chunk = 0; chunk < T::kRowChunks; ++chunk) {
      std::set<std::uint32_t> banks;
      for (std::uint32_t i = 0; i < 8; ++i) banks.insert(T::offset(row + i, chunk) / 16 % 8);
      ASSERT_EQ(banks.size(), 8U);
    }
  }
}

TEST(CudaTileTest, LdmatrixMeetsNoBankTwice) {
  expect_no_conflicts<Tile<64, 32>>();
  expect_no_conflicts<Tile<64, 64>>();
  expect_no_conflicts<Tile<64, 128>>();
}

/// A tile whose element (row, d) is the bf16 pattern row * 128 + d.
template <class T>
HostSharedMemory numbered_tile() {
  HostSharedMemory shared(T::kBytes);
  for (std::uint32_t row = 0; row < T::kRows; ++row) {
    for (std::uint32_t d = 0; d < T::kHead; ++d) {
      const auto value = static_cast<std::uint16_t>(row * 128 + d);
      std::memcpy(shared.write(T::offset(row, d / 8) + d % 8 * 2, 2, 0), &value, 2);
    }
  }
  shared.barrier();
  return shared;
}

/// The tables of the PTX manual, "Matrix fragments for mma.m16n8k16": where lane's register holds
/// its lower element (the upper is the next k).
struct Place {
  std::uint32_t row, k;
};
Place place_in_a(std::uint32_t lane, std::uint32_t reg) {
  return {lane / 4 + 8 * (reg % 2), 2 * (lane % 4) + 8 * (reg / 2)};
}
Place place_in_b(std::uint32_t lane, std::uint32_t reg) {
  return {lane / 4, 2 * (lane % 4) + 8 * reg};  // row is n
}

template <class T>
void expect_fragments() {
  HostSharedMemory shared = numbered_tile<T>();
  HostWarp warp(shared, 0);
  HostWarp::U32 r[4];
  const auto low = [&](std::uint32_t reg, std::uint32_t lane) { return r[reg][lane] & 0xFFFFU; };
  const auto high = [&](std::uint32_t reg, std::uint32_t lane) { return r[reg][lane] >> 16U; };
  for (std::uint32_t first = 0; first < T::kRows; first += 16) {
    for (std::uint32_t k = 0; k < T::kHead / 16; ++k) {
      const HostWarp::U32 start = T::offset(kernels::cuda::a_fragment_row(warp.lane()),
                                            kernels::cuda::a_fragment_chunk(warp.lane())) +
                                  first * T::kRowBytes;
      const HostWarp::U32 b_start = T::offset(kernels::cuda::b_fragment_row(warp.lane()),
                                              kernels::cuda::b_fragment_chunk(warp.lane())) +
                                    first * T::kRowBytes;
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        for (std::uint32_t reg = 0; reg < 4; ++reg) {
          // A: rows x head.
          warp.ldmatrix(r, T::step(start, k));
          const Place a = place_in_a(lane, reg);
          ASSERT_EQ(low(reg, lane), (first + a.row) * 128 + 16 * k + a.k);
          ASSERT_EQ(high(reg, lane), (first + a.row) * 128 + 16 * k + a.k + 1);
          // B of the product by rows: n is the row, k the head; n-tiles {0, 1} and {2, 3}.
          warp.ldmatrix(r, T::step(b_start, k));
          Place b = place_in_b(lane, reg % 2);
          b.row += 8 * (reg / 2);
          ASSERT_EQ(low(reg, lane), (first + b.row) * 128 + 16 * k + b.k);
          ASSERT_EQ(high(reg, lane), (first + b.row) * 128 + 16 * k + b.k + 1);
          // B of the product by columns: n is the head, k the row.
          warp.ldmatrix_transposed(r, T::step(start, k));
          ASSERT_EQ(low(reg, lane), (first + b.k) * 128 + 16 * k + b.row);
          ASSERT_EQ(high(reg, lane), (first + b.k + 1) * 128 + 16 * k + b.row);
        }
      }
    }
  }
  EXPECT_EQ(warp.conflicts(), 0);
  EXPECT_EQ(shared.races(), 0);
}

TEST(CudaTileTest, LdmatrixGivesTheFragmentsOfMma) {
  expect_fragments<Tile<64, 32>>();
  expect_fragments<Tile<64, 64>>();
  expect_fragments<Tile<64, 128>>();
}

TEST(CudaTileTest, EmulatedMmaMultiplies) {
  HostWarp::F32 sums[4];
  HostWarp::U32 a[4], b[2];
  const auto left = [](std::uint32_t row, std::uint32_t k) {
    return to_bf16(static_cast<float>(static_cast<int>(row * 3 + k * 5) % 7 - 3));
  };
  const auto right = [](std::uint32_t k, std::uint32_t n) {
    return to_bf16(static_cast<float>(static_cast<int>(n * 2 + k * 3) % 5 - 2));
  };
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t reg = 0; reg < 4; ++reg) {
      const Place p = place_in_a(lane, reg);
      a[reg][lane] = left(p.row, p.k) | static_cast<std::uint32_t>(left(p.row, p.k + 1)) << 16U;
      sums[reg][lane] = 100.0F;
    }
    for (std::uint32_t reg = 0; reg < 2; ++reg) {
      const Place p = place_in_b(lane, reg);
      b[reg][lane] = right(p.k, p.row) | static_cast<std::uint32_t>(right(p.k + 1, p.row)) << 16U;
    }
  }
  HostWarp::mma(sums, a, b[0], b[1]);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t e = 0; e < 4; ++e) {
      const std::uint32_t row = kernels::cuda::accumulator_row(lane) + 8 * (e / 2);
      const std::uint32_t n = kernels::cuda::accumulator_column(lane) + e % 2;
      float expected = 100.0F;
      for (std::uint32_t k = 0; k < 16; ++k)
        expected += from_bf16(left(row, k)) * from_bf16(right(k, n));
      ASSERT_EQ(sums[e][lane], expected);
    }
  }
}

TEST(CudaTileTest, TheEmulationSeesRacesAndConflicts) {
  const auto faults = [](const auto& act) {
    HostCta<2> cta(1024);
    act(cta);
    return cta.faults();
  };
  const auto read = [](HostWarp& w, std::uint32_t stride) {
    HostWarp::U32 r[4];
    w.ldmatrix(r, w.lane() * stride);
  };
  const float source[128] = {};
  const auto copy = [&](HostWarp& w) {
    w.copy16_async(w.lane() * 16U, source, w.lane() * 16U, HostWarp::Mask(true));
  };
  const auto only = [](HostCta<2>& cta, std::uint32_t which, const auto& f) {
    cta.each_warp([&](HostWarp& w) {
      if (w.index() == which) f(w);
    });
  };
  EXPECT_EQ(faults([&](auto& cta) { only(cta, 0, [&](HostWarp& w) { read(w, 16); }); }), 0);
  EXPECT_GT(faults([&](auto& cta) { only(cta, 0, [&](HostWarp& w) { read(w, 32); }); }), 0);
  const auto whole = [&](auto& cta, bool wait, bool barrier) {
    only(cta, 0, copy);
    cta.commit_copies();
    if (wait) cta.template wait_for_copies<0>();
    if (barrier) cta.barrier();
    only(cta, 1, [&](HostWarp& w) { read(w, 16); });
  };
  EXPECT_EQ(faults([&](auto& cta) { whole(cta, true, true); }), 0);
  EXPECT_GT(faults([&](auto& cta) { whole(cta, false, true); }), 0);
  EXPECT_GT(faults([&](auto& cta) { whole(cta, true, false); }), 0);
  // A copy into what another warp still reads.
  const auto overwrite = [&](auto& cta, bool barrier) {
    only(cta, 1, [&](HostWarp& w) { read(w, 16); });
    if (barrier) cta.barrier();
    only(cta, 0, copy);
    cta.commit_copies();
    cta.template wait_for_copies<0>();
    cta.barrier();
  };
  EXPECT_EQ(faults([&](auto& cta) { overwrite(cta, true); }), 0);
  EXPECT_GT(faults([&](auto& cta) { overwrite(cta, false); }), 0);
}

TEST(CudaTileTest, ValidRowsOfEveryLength) {
  for (std::int32_t length = 0; length <= 300; ++length) {
    std::int32_t total = 0;
    for (std::int32_t block = 0; block < 6; ++block) {
      const std::int32_t valid = kernels::cuda::valid_rows(length, block, 64);
      ASSERT_GE(valid, 0);
      ASSERT_LE(valid, 64);
      total += valid;
    }
    ASSERT_EQ(total, length);
  }
}

TEST(CudaTileTest, ThreadBlocksCoverEveryUnitOfEverySequenceOnce) {
  using namespace kernels::cuda;
  const WorkUnit units[] = {{0, 1, 3, 6, 0, -1}, {0, 2, 6, 8, 0, -1}, {1, 0, 0, 3, 0, -1}};
  for (const std::int32_t pattern_heads : {1, 3}) {
    AttentionView a{};
    a.batch = 2;
    a.heads = 3;
    a.schedule.pattern_heads = pattern_heads;
    std::set<std::pair<std::int32_t, std::int32_t>> seen;
    const auto count = static_cast<std::uint32_t>(3 * places_per_unit(a));
    for (std::uint32_t i = 0; i < count; ++i) {
      const UnitPlace at = locate(a, units, 3, i);
      // Of a list, or of a sequence, the longest first.
      const std::uint32_t list = pattern_heads == 1 ? i / 9 : 0;
      ASSERT_EQ(at.unit, static_cast<std::int32_t>(i / (pattern_heads == 1 ? 3 : 2) - 3 * list));
      ASSERT_EQ(at.place.index, at.place.batch * 3 + at.place.head);
      if (pattern_heads == 3) {
        ASSERT_EQ(at.place.head, units[at.unit].head);
      }
      ASSERT_TRUE(seen.emplace(at.unit, at.place.index).second);
    }
    EXPECT_EQ(seen.size(), pattern_heads == 1 ? 18U : 6U);
  }
}

}  // namespace
}  // namespace dnabird::test
