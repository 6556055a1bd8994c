// The table of whole models: layers, forward passes and training steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/bench/clock.h"

namespace dnabird::benchmarks {

struct ModelTable {
  std::string device;
  int threads;                          // 0 = all cores
  std::vector<std::string> precisions;  // f32, bf16
  /// FLOP/s of a large matrix product on a GPU; on the CPU one is timed right behind each case.
  std::map<std::string, double> product_rates;
  kernels::bench::Clock clock;
  std::string filter;  // part of "name shape"; empty: all but those that take minutes
  bool scaling;        // time each on one thread too
};

/// Prints a line for each case that passes the filter, and for each size of model how the time per
/// token hangs on the length; returns how many cases there were. Each case has a kernel set of its
/// own, so that the peak of memory (the host's, not printed for a GPU) is its own.
int print_models(const ModelTable& table);

}  // namespace dnabird::benchmarks
