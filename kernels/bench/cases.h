// Which calls are checked and timed.
#pragma once

#include <vector>

#include "kernels/bench/operation.h"

namespace dnabird::kernels::bench {

// With `times` the sequences or rows that suit a CPU.
std::vector<Case> dense_cases(std::int64_t times);  // linear, layer norm, GELU, dropout, add
/// Dense and sparse lists, and a sweep over the length.
std::vector<Case> attention_cases(std::int64_t times);
std::vector<Case> training_cases(std::int64_t times);  // embedding, rows, losses, optimizer

}  // namespace dnabird::kernels::bench
