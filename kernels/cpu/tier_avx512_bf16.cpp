// AVX-512 with products of pairs of bf16 (Intel since 2020, AMD since 2022). The flags are in
// CMakeLists.txt.
#include "kernels/cpu/tier.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BF16__)

#define DNABIRD_TIER avx512_bf16
#define DNABIRD_LANES 16
#define DNABIRD_TILE_ROWS 12
#include "kernels/cpu/simd/tier_table.h"

namespace dnabird::kernels::cpu {

const Tier* avx512_bf16_tier() {
  static constexpr Tier kTier =
      avx512_bf16::make_tier("AVX-512 BF16", avx512_bf16::Products::onednn);
  return &kTier;
}

}  // namespace dnabird::kernels::cpu

#else

namespace dnabird::kernels::cpu {

const Tier* avx512_bf16_tier() { return nullptr; }

}  // namespace dnabird::kernels::cpu

#endif
