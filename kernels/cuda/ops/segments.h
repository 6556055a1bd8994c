// Sums over the segments of equal keys in a sorted array, cut into chunks of as many keys as a warp
// has lanes: long segments are divided among many warps, and the order of every sum depends on the
// keys alone.
//
// A part is what a segment has in one chunk. The sum of a part that is a whole segment goes to its
// place at once. Other parts leave theirs in slots, two for each chunk: 2 c for the part with which
// chunk c begins, 2 c + 1 for the one with which it ends. They are added up in the order of the
// chunks by whoever holds the chunk in which the segment begins.
#pragma once

#include <cstdint>

#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

inline constexpr int kSegmentChunk = 32;

/// The keys [32 c, 32 c + count) of chunk c.
struct SegmentChunk {
  std::uint32_t ends;  // bit i: key i is the last one of its segment
  int count;
  bool continues;  // its first key belongs to a segment that began in an earlier chunk

  DNABIRD_HD bool ends_part(int i) const { return (ends >> i & 1U) != 0 || i + 1 == count; }
  /// Whether the part of keys [begin, i], with which a part ends, is a whole segment.
  DNABIRD_HD bool is_whole(int begin, int i) const {
    return (ends >> i & 1U) != 0 && (begin > 0 || !continues);
  }
};

/// Where a part that begins with key `begin` of a chunk leaves its sum.
DNABIRD_HD std::int64_t part_slot(std::int64_t chunk, int begin) {
  return 2 * chunk + (begin > 0 ? 1 : 0);
}

/// Whether key i of the sorted `keys` (n) is the last one of its segment.
DNABIRD_HD bool ends_segment(const std::int32_t* keys, std::int64_t n, std::int64_t i) {
  return i + 1 >= n || keys[i + 1] != keys[i];
}

/// A segment in more than one chunk: the sum of first_slot, then of 2 c for every chunk c in
/// (first_chunk, last_chunk].
struct DividedSegment {
  bool exists;
  std::int32_t key;
  std::int64_t first_slot, last_chunk;
};

/// The segment that begins in the chunk and goes on in the next; there is at most one.
DNABIRD_HD DividedSegment divided_segment(const std::int32_t* keys, std::int64_t n,
                                          std::int64_t chunk) {
  const std::int64_t begin = chunk * kSegmentChunk, end = begin + kSegmentChunk;
  if (end >= n || keys[end] != keys[end - 1]) return {};
  const std::int32_t key = keys[end];
  if (begin > 0 && keys[begin - 1] == key) return {};
  std::int64_t last = chunk + 1, beyond = (n + kSegmentChunk - 1) / kSegmentChunk;
  while (beyond - last > 1) {
    const std::int64_t middle = last + (beyond - last) / 2;
    (keys[middle * kSegmentChunk] == key ? last : beyond) = middle;
  }
  return {true, key, part_slot(chunk, keys[begin] == key ? 0 : 1), last};
}

}  // namespace dnabird::kernels::cuda
