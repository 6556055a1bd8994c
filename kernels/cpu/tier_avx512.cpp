// AVX-512 (F, BW, DQ, VL; Intel since 2017, AMD since 2022): vectors of 64 bytes. The flags are in
// CMakeLists.txt.
#include "kernels/cpu/tier.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)

#define DNABIRD_TIER avx512
#define DNABIRD_LANES 16
#define DNABIRD_TILE_ROWS 12
#include "kernels/cpu/simd/tier_table.h"

namespace dnabird::kernels::cpu {

const Tier* avx512_tier() {
  static constexpr Tier kTier = avx512::make_tier("AVX-512", avx512::Products::onednn);
  return &kTier;
}

}  // namespace dnabird::kernels::cpu

#else

namespace dnabird::kernels::cpu {

const Tier* avx512_tier() { return nullptr; }

}  // namespace dnabird::kernels::cpu

#endif
