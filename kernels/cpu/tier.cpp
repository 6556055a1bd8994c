#include "kernels/cpu/tier.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace dnabird::kernels::cpu {

namespace {

/// Null where the build lacks it or the processor does not run it.
const Tier* usable_avx2() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_tier();
#endif
  return nullptr;
}

const Tier* usable_avx512() {
#if defined(__x86_64__)
  if (usable_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return avx512_tier();
  }
#endif
  return nullptr;
}

const Tier* usable_avx512_bf16() {
#if defined(__x86_64__)
  if (usable_avx512() && __builtin_cpu_supports("avx512bf16")) return avx512_bf16_tier();
#endif
  return nullptr;
}

struct NamedTier {
  const char* name;
  const Tier* (*usable)();
};

/// The fastest first.
constexpr NamedTier kTiers[] = {{"avx512_bf16", usable_avx512_bf16},
                                {"avx512", usable_avx512},
                                {"avx2", usable_avx2},
                                {"baseline", baseline_tier}};

}  // namespace

const Tier& pick_tier() {
  const char* asked = std::getenv("DNABIRD_ISA");
  const std::string name = asked ? asked : "";
  bool known = name.empty();
  for (const NamedTier& tier : kTiers) {
    if (!name.empty() && name != tier.name) continue;
    known = true;
    if (const Tier* usable = tier.usable()) return *usable;
  }
  if (known) {
    throw std::invalid_argument("DNABIRD_ISA asks for " + name +
                                ", which this processor does not run; unset it");
  }
  throw std::invalid_argument("DNABIRD_ISA is \"" + name +
                              "\", expected baseline, avx2, avx512 or avx512_bf16");
}

bool multiplies_bf16(const Tier& tier) { return &tier == avx512_bf16_tier(); }

const Tier& narrower_tier(const Tier& tier) {
  // Every processor with AVX-512 has AVX2.
  const bool wide = &tier == avx512_tier() || &tier == avx512_bf16_tier();
  return wide && avx2_tier() ? *avx2_tier() : tier;
}

}  // namespace dnabird::kernels::cpu
