// What the thread blocks of block attention do, compiled once from a pattern on the host.
//
// A unit is one row of a pattern (a query block with the key blocks that it reads; forward and dQ)
// or one column (a key block with the query blocks that read it; dK and dV), or a part of one that
// is long. Units are sorted by head, then by length, longest first: what runs at one time reads a
// few heads, and no long one of these starts last. Parts leave partial results in slots, which a
// second kernel combines in the order of the parts.
//
// Nothing here depends on the batch, the lengths or the device: a sequence gives the same bytes in
// any batch and on any number of multiprocessors.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// Tokens of a block in the kernels of mma and wgmma: a tile.
constexpr int kBlock = 64;

/// A block on the other side of a pair. log2(multiplicity) is added to its scores in base 2.
struct alignas(8) Item {
  std::int32_t block;
  float log2_multiplicity;
};

/// Items [begin, end) of one row or column. `slot` is -1 if the unit is the whole of it.
struct WorkUnit {
  std::int32_t head;  // of the pattern: 0 where all heads share one list
  std::int32_t block;
  std::int32_t begin, end;
  std::int32_t part;  // of the row or column, from 0
  std::int32_t slot;
};

/// A row or column whose parts lie in the slots [first_slot, first_slot + parts).
struct SplitBlock {
  std::int32_t head, block;
  std::int32_t first_slot, parts;
};

/// Tokens of a pattern's blocks that tiles can be made of, and how many of them a tile has.
constexpr int kGranule = 16;
constexpr int kGranules = kBlock / kGranule;

/// log2 of the multiplicities of 16 tokens of a unit's block with four times 16 of an item's, where
/// the pattern has smaller blocks than the schedule; -infinity where it lists none.
struct alignas(16) GranuleBias {
  float log2_multiplicity[kGranules];
};

struct Schedule {
  std::vector<Item> items;
  /// kGranules for each item, by the tokens of the unit's block, in place of its log2_multiplicity.
  /// Empty where the latter says it all.
  std::vector<GranuleBias> granules;
  std::vector<WorkUnit> units;
  std::vector<SplitBlock> splits;
  std::int32_t slots = 0;
  std::int32_t pattern_heads = 1;  // that the lists are of: 1 or H
};

/// When to split. A list longer than 1.5 * items_per_part becomes ceil(length / items_per_part)
/// parts of about equal length; forced_parts > 0 makes that many of every list (no more than it has
/// items), for tests. 16 items hide the cost of a partial result (one item's traffic) and let
/// a row that reads 64 blocks run on four multiprocessors.
struct SplitRule {
  std::int32_t items_per_part = 16;
  std::int32_t forced_parts = 0;
};

enum class Side { rows, columns };

/// The schedule of one side of a pattern, whose arrays lie in host memory. Throws
/// std::invalid_argument if the lists are not sorted or name a block or multiplicity out of range.
Schedule compile_schedule(const BlockPatternView& pattern, Side side, const SplitRule& rule);

/// Whether blocks of that size are tiles, or parts of one that multiplicities of granules describe.
constexpr bool tiles_hold(std::int64_t block_size) {
  return block_size == 16 || block_size == 32 || block_size == kBlock;
}

/// The same in blocks of kBlock: a pair of these is listed if any of the smaller pairs in it is.
/// `pattern` has blocks that tiles_hold.
Schedule compile_tile_schedule(const BlockPatternView& pattern, Side side, const SplitRule& rule);

}  // namespace dnabird::kernels::cuda
