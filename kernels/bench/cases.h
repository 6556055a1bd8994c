// Which calls are checked and timed.
#pragma once

#include <vector>

#include "kernels/bench/operation.h"

namespace dnabird::kernels::bench {

std::vector<Case> dense_cases();      // linear, layer norm, GELU, dropout, add
std::vector<Case> attention_cases();  // dense and sparse lists, and a sweep over the length
std::vector<Case> training_cases();   // embedding, rows, losses, optimizer

}  // namespace dnabird::kernels::bench
