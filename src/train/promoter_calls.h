// Promoter calls along a sequence against known transcription start sites.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/metrics.h"

namespace dnabird::train {

/// A base of a strand: a start site, or where a call puts one.
struct StrandedBase {
  std::string contig;
  std::int64_t position = 0;  // 0-based
  char strand = '+';          // '+' or '-'
};

struct PromoterCall {
  StrandedBase start;
  double probability = 0;
};

/// Calls of at least `threshold`, the most probable first (then by place), each take the nearest
/// start site of their strand within `distance` bases that is not yet taken. A call that finds one
/// is a true positive, another a false one; a start site that nobody took is a false negative.
/// True negatives are 0: bases that are no start site are not counted.
struct CallOptions {
  std::int64_t distance = 500;
  double threshold = 0;
};
Confusion match_calls(std::span<const PromoterCall> calls, std::span<const StrandedBase> sites,
                      const CallOptions& options);

}  // namespace dnabird::train
