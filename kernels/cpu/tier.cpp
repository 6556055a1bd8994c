#include "kernels/cpu/tier.h"

namespace dnabird::kernels::cpu {

const Tier& pick_tier() {
#if defined(__x86_64__)
  if (avx2_tier() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return *avx2_tier();
  }
#endif
  return *baseline_tier();
}

}  // namespace dnabird::kernels::cpu
