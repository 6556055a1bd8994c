// The command line of dnabird_bench.
#pragma once

#include <string>
#include <vector>

#include "kernels/bench/clock.h"

namespace dnabird::benchmarks {

struct BenchOptions {
  std::string device = "cpu";
  int threads = 0;  // 0 = all cores
  kernels::bench::Clock clock = kernels::bench::Clock::wall;
  std::string filter;                   // part of "name shape"; empty = all but the long ones
  std::vector<std::string> precisions;  // f32, bf16; empty = what suits the device
  bool scaling = false;                 // each model also on one thread
  bool lists = false;                   // only print the lists of blocks
  bool help = false;
};

extern const char* const kBenchUsage;

/// Throws UsageError.
BenchOptions parse_bench_options(const std::vector<std::string>& arguments);

}  // namespace dnabird::benchmarks
