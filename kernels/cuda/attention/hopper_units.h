// The units of the schedule as the thread blocks for sm_90a take them: a thread block lives as long
// as the launch and takes every step-th unit. Its producer warp walks ahead over the borders of
// units and hands the consumer warps, with the tiles, all that they must know, so that these wait
// for no memory but shared.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention/view.h"
#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

/// What came of a producer's next load.
enum class Load { started, blocked, none_left };

/// The units first, first + step, ... below `count` are one thread block's.
struct UnitShare {
  std::uint32_t first, step, count;
};

/// A unit, and how much of it there is.
struct alignas(16) UnitWork {
  HeadPlace place;
  WorkUnit unit;
  std::int32_t length;      // of the sequence
  std::int32_t pairs;       // items below it, 0 if no row of the unit is; or one of the two below
  std::int32_t last_valid;  // tokens of the last item's block below it; all of those before are
  static constexpr std::int32_t kEnd = -1;      // no unit is left
  static constexpr std::int32_t kSkipped = -2;  // a part beyond the length: nobody reads its result

  DNABIRD_HD static UnitWork of(const AttentionView& a, const UnitShare& share,
                                std::uint32_t ordinal) {
    UnitWork w{};
    const std::uint32_t index = share.first + ordinal * share.step;
    w.pairs = kEnd;
    if (index >= share.count) return w;
    const UnitPlace at = locate(a, a.schedule.units, a.schedule.unit_count, index);
    w.place = at.place;
    w.unit = a.schedule.units[at.unit];
    w.length = a.lengths[at.place.batch];
    const bool exists = w.length > w.unit.block * kBlock;
    if (!exists) {
      w.pairs = w.unit.slot >= 0 ? kSkipped : 0;
      return w;
    }
    w.pairs = used_end(a, w.unit, w.length) - w.unit.begin;
    if (w.pairs > 0) {
      w.last_valid = valid_rows(w.length, a.schedule.items[w.item(w.pairs - 1)].block, kBlock);
    }
    return w;
  }
  DNABIRD_HD std::int32_t item(std::int32_t pair) const { return unit.begin + pair; }
};
static_assert(sizeof(UnitWork) == 48, "three accesses of 16 bytes");

/// What a consumer keeps of its unit, as UnitWork has it.
struct Turn {
  std::int32_t pairs, last_valid, first_item;

  /// Tokens of the pair's other block that are below the length.
  DNABIRD_DEVICE std::int32_t valid(std::int32_t pair) const {
    return pair == pairs - 1 ? last_valid : kBlock;
  }
  template <class Cta>
  DNABIRD_DEVICE void take(const UnitWork& work) {
    pairs = Cta::uniform(work.pairs);
    last_valid = Cta::uniform(work.last_valid);
    first_item = work.unit.begin;
  }
};

/// A producer's way through the units of its thread block: kOwn loads for the rows or columns of
/// each (one if it has no pairs), then two for each pair. Lanes look up the next 32 units at once.
template <class Cta, int kOwn = 1>
struct UnitWalk {
  const AttentionView& a;
  UnitShare share;
  UnitWork work{};            // that is being loaded
  Item item{};                // of the next pair, fetched a load ahead
  std::int32_t next = -kOwn;  // load of the unit: below 0, then 2 * pair and 2 * pair + 1
  bool ended = false;
  std::uint32_t ordinal = 0;
  typename Cta::template PerLane<UnitWork> ahead{};

  DNABIRD_DEVICE void begin(Cta& cta) { next_unit(cta); }
  /// load() starts the load at this place, or is false while its stage is still in use.
  template <class LoadHere>
  DNABIRD_DEVICE Load step(Cta& cta, const LoadHere& load) {
    if (ended) return Load::none_left;
    if (!load()) return Load::blocked;
    advance(cta);
    return Load::started;
  }

 private:
  DNABIRD_DEVICE void advance(Cta& cta) {
    ++next;
    if (work.pairs > 0 && next < 2 * work.pairs) {
      if (next > 0 && next % 2 == 0) item = a.schedule.items[work.item(next / 2)];
      return;
    }
    if (work.pairs == UnitWork::kEnd) {
      ended = true;
      return;
    }
    next = -kOwn;
    next_unit(cta);
  }
  DNABIRD_DEVICE void next_unit(Cta& cta) {
    do {
      if (ordinal % 32 == 0) {
        cta.fill_lanes(ahead,
                       [&](std::uint32_t lane) { return UnitWork::of(a, share, ordinal + lane); });
      }
      work = cta.of_lane(ahead, ordinal % 32);
      ++ordinal;
    } while (work.pairs == UnitWork::kSkipped);
    if (work.pairs > 0) item = a.schedule.items[work.unit.begin];
  }
};

}  // namespace dnabird::kernels::cuda
