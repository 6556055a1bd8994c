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

}  // namespace

const Tier& pick_tier() {
  const char* asked = std::getenv("DNABIRD_ISA");
  const std::string name = asked ? asked : "";
  if (name == "baseline") return *baseline_tier();
  if (name != "avx2" && name != "avx512" && name != "") {
    throw std::invalid_argument("DNABIRD_ISA is \"" + name +
                                "\", expected baseline, avx2 or avx512");
  }
  const Tier* tier = name == "avx2" ? nullptr : usable_avx512();
  if (!tier && name != "avx512") tier = usable_avx2();
  if (tier) return *tier;
  if (name != "") {
    throw std::invalid_argument("DNABIRD_ISA asks for " + name +
                                ", which this processor does not run; unset it");
  }
  return *baseline_tier();
}

bool multiplies_bf16(const Tier& tier) {
#if defined(__x86_64__)
  return tier.uses_onednn && __builtin_cpu_supports("avx512bf16");
#else
  static_cast<void>(tier);
  return false;
#endif
}

const Tier& narrower_tier(const Tier& tier) {
  // Every processor with AVX-512 has AVX2.
  return &tier == avx512_tier() && avx2_tier() ? *avx2_tier() : tier;
}

}  // namespace dnabird::kernels::cpu
