// How sums over rows are divided on CUDA: every row exactly once and in order, wherever chunks and
// parts end.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "kernels/cuda/ops/row_parts.h"
#include "kernels/cuda/ops/segments.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

using kernels::cuda::divide_rows;
using kernels::cuda::divided_segment;
using kernels::cuda::DividedSegment;
using kernels::cuda::ends_segment;
using kernels::cuda::kSegmentChunk;
using kernels::cuda::part_slot;
using kernels::cuda::RowParts;
using kernels::cuda::SegmentChunk;

using Keys = std::vector<std::int32_t>;
/// A sum, as the places of what was added up, in order.
using Places = std::vector<std::int64_t>;

struct SegmentSums {
  std::map<std::int32_t, Places> of_key;
  std::map<std::int64_t, Places> slots;
};

SegmentChunk chunk_of(const Keys& keys, std::int64_t chunk) {
  const std::int64_t n = static_cast<std::int64_t>(keys.size()), begin = chunk * kSegmentChunk;
  SegmentChunk result{};
  result.count = static_cast<int>(std::min<std::int64_t>(kSegmentChunk, n - begin));
  for (int i = 0; i < result.count; ++i) {
    if (ends_segment(keys.data(), n, begin + i)) result.ends |= 1U << i;
  }
  result.continues = begin > 0 && keys[begin - 1] == keys[begin];
  return result;
}

/// What a warp does with its chunk.
void sum_parts(const Keys& keys, std::int64_t chunk, SegmentSums& sums) {
  const SegmentChunk at = chunk_of(keys, chunk);
  Places sum;
  int begin = 0;
  for (int i = 0; i < at.count; ++i) {
    sum.push_back(chunk * kSegmentChunk + i);
    if (!at.ends_part(i)) continue;
    if (at.is_whole(begin, i)) {
      const std::int32_t key = keys[static_cast<std::size_t>(sum.front())];
      EXPECT_TRUE(sums.of_key.emplace(key, sum).second) << "key " << key << " twice";
    } else {
      const std::int64_t slot = part_slot(chunk, begin);
      EXPECT_TRUE(sums.slots.emplace(slot, sum).second) << "slot " << slot << " twice";
    }
    sum.clear();
    begin = i + 1;
  }
}

void add_slot(std::int64_t slot, SegmentSums& sums, Places& to) {
  const auto found = sums.slots.find(slot);
  ASSERT_NE(found, sums.slots.end()) << "slot " << slot;
  to.insert(to.end(), found->second.begin(), found->second.end());
  sums.slots.erase(found);
}

void expect_every_place_once(const Keys& keys) {
  SegmentSums sums;
  const std::int64_t n = static_cast<std::int64_t>(keys.size());
  const std::int64_t chunks = (n + kSegmentChunk - 1) / kSegmentChunk;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum_parts(keys, chunk, sums);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const DividedSegment segment = divided_segment(keys.data(), n, chunk);
    if (!segment.exists) continue;
    Places sum;
    add_slot(segment.first_slot, sums, sum);
    for (std::int64_t part = chunk + 1; part <= segment.last_chunk; ++part) {
      add_slot(part_slot(part, 0), sums, sum);
    }
    EXPECT_TRUE(sums.of_key.emplace(segment.key, sum).second) << "key " << segment.key << " twice";
  }
  EXPECT_TRUE(sums.slots.empty()) << sums.slots.size() << " slots are in no sum";
  std::map<std::int32_t, Places> expected;
  for (std::int64_t i = 0; i < n; ++i) expected[keys[static_cast<std::size_t>(i)]].push_back(i);
  EXPECT_EQ(sums.of_key, expected) << n << " keys";
}

TEST(CudaSegments, one_segment_of_any_length) {
  for (const std::size_t n : {1, 2, 31, 32, 33, 63, 64, 65, 96, 1000, 4096}) {
    expect_every_place_once(Keys(n, 7));
  }
}

TEST(CudaSegments, segments_of_one_key) {
  for (const std::int32_t n : {1, 31, 32, 33, 100}) {
    Keys keys;
    for (std::int32_t i = 0; i < n; ++i) keys.push_back(3 * i);
    expect_every_place_once(keys);
  }
}

TEST(CudaSegments, segments_that_begin_and_end_around_every_border) {
  for (std::size_t first = 0; first <= 66; ++first) {
    for (const std::size_t second : {1, 2, 31, 32, 33, 64, 95}) {
      Keys keys(first, 1);
      keys.insert(keys.end(), second, 2);
      keys.insert(keys.end(), 5, 4);
      expect_every_place_once(keys);
    }
  }
}

TEST(CudaSegments, random_keys_few_and_many_even_and_skewed) {
  RandomValues random(31);
  for (const std::int64_t kinds : {2, 5, 69, 700}) {
    for (const std::int64_t n : {40, 1000, 5003}) {
      Keys even = random.integers(n, kinds), skewed = even;
      for (std::int32_t& key : skewed) key = random.below(3) == 0 ? key : 1;
      std::sort(even.begin(), even.end());
      std::sort(skewed.begin(), skewed.end());
      expect_every_place_once(even);
      expect_every_place_once(skewed);
    }
  }
}

TEST(CudaRowParts, hold_every_row_and_none_is_empty) {
  for (const std::int64_t rows : {1, 31, 32, 33, 1000, 16384, 1000003}) {
    for (const std::int64_t columns : {1, 128, 768, 3072, 1000000}) {
      const RowParts divided = divide_rows(rows, columns);
      EXPECT_GE(divided.parts * divided.rows_of_part, rows);
      EXPECT_LT((divided.parts - 1) * divided.rows_of_part, rows);
      EXPECT_GE(divided.rows_of_part, 32);
    }
  }
  EXPECT_EQ(divide_rows(0, 128).parts, 0);
}

}  // namespace
}  // namespace dnabird::test
