// Which parts of which models are timed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace dnabird::benchmarks {

struct ModelCase {
  std::string name, shape;  // "forward", "base 1 x 4096"
  double flops;             // of one call; flops.h
  std::int64_t tokens;      // of one call
  /// Makes model and inputs in the memory of a kernel set; what it returns is one call, and owns
  /// them.
  std::function<std::function<void()>(core::KernelSet&)> make;
  bool is_training = false;
  bool on_request = false;  // only if a filter names it
  std::string size = {};    // of forward passes: what the time per token is compared for
  std::int64_t length = 0;  // tokens of a sequence of these
};

/// Random weights, blocks of 64, three random blocks in each row. base: 12 layers, 768 channels, 12
/// heads, 32,000 words; small: 6 layers, 256 channels, 4 heads, 6-mers. For the CPU every call has
/// at least 4,096 tokens, but for the training step of 2 x 1,024; for a GPU 32,768, and there are
/// fewer lengths.
std::vector<ModelCase> model_cases();
std::vector<ModelCase> model_cases_of_gpus();

}  // namespace dnabird::benchmarks
