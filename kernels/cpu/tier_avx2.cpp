// AVX2 and FMA (x86 since 2013): vectors of 32 bytes. The flags are in CMakeLists.txt.
#include "kernels/cpu/tier.h"

#if defined(__AVX2__) && defined(__FMA__)

#define DNABIRD_TIER avx2
#define DNABIRD_LANES 8
#define DNABIRD_TILE_ROWS 6
#include "kernels/cpu/simd/tier_table.h"

namespace dnabird::kernels::cpu {

const Tier* avx2_tier() {
  static constexpr Tier kTier = avx2::make_tier("AVX2", avx2::Products::own);
  return &kTier;
}

}  // namespace dnabird::kernels::cpu

#else

namespace dnabird::kernels::cpu {

const Tier* avx2_tier() { return nullptr; }

}  // namespace dnabird::kernels::cpu

#endif
