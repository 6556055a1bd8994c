// Random sequences.
#pragma once

#include <cstdint>
#include <string>

#include "core/rng.h"

namespace dnabird::support {

inline std::string random_bases(std::int64_t n, core::Rng& rng) {
  std::string bases;
  while (static_cast<std::int64_t>(bases.size()) < n) bases += "ACGT"[rng.below(4)];
  return bases;
}

}  // namespace dnabird::support
