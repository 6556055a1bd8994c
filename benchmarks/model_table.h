// The table of whole models: layers, forward passes and training steps.
#pragma once

#include <string>
#include <vector>

#include "kernels/bench/clock.h"

namespace dnabird::benchmarks {

struct ModelTable {
  int threads;                          // 0 = all cores
  std::vector<std::string> precisions;  // f32, bf16
  kernels::bench::Clock clock;
  std::string filter;  // part of "name shape"; empty: all but those that take minutes
  bool scaling;        // time each on one thread too
};

/// Prints a line for each case that passes the filter, and for each size of model how the time per
/// token hangs on the length; returns how many cases there were. Each case has a kernel set of its
/// own, so that the peak of memory is its own; the share of the matrix product's rate is of a
/// product of the same precision timed right behind it.
int print_models(const ModelTable& table);

}  // namespace dnabird::benchmarks
