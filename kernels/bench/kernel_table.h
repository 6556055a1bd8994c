// The table of kernels: each checked against the reference, then timed.
#pragma once

#include <string>

#include "kernels/bench/limits.h"

namespace dnabird::kernels::bench {

struct KernelTable {
  KernelSet& tested;
  KernelSet& reference;  // in double
  double tile_rate;      // FLOP/s
  double memory_rate;    // bytes per second
  Clock clock;
  std::string filter;  // part of "op shape"
};

struct TableResult {
  int rows = 0;
  int failed = 0;  // further from the reference than the precision allows
};

/// Prints a line for each kernel that passes the filter. The share of the matrix product's rate is
/// of a product timed just before.
TableResult print_kernels(const KernelTable& table);

}  // namespace dnabird::kernels::bench
