// What every 64-bit processor runs: vectors of 16 bytes.
#define DNABIRD_TIER baseline
#define DNABIRD_LANES 4
#define DNABIRD_TILE_ROWS 6
#include "kernels/cpu/simd/tier_table.h"

namespace dnabird::kernels::cpu {

const Tier* baseline_tier() {
  static constexpr Tier kTier = baseline::make_tier("baseline", baseline::Products::own);
  return &kTier;
}

}  // namespace dnabird::kernels::cpu
