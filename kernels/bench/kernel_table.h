// The table of kernels: each checked against the reference, then timed.
#pragma once

#include <string>

#include "kernels/bench/limits.h"

namespace dnabird::kernels::bench {

struct KernelTable {
  KernelSet& tested;
  KernelSet& reference;  // in double
  double product_rate;   // FLOP/s of a large matrix product; 0: timed again just before each case
  double tile_rate;      // FLOP/s of tiles in the first cache; 0: that is no limit here
  double memory_rate;    // bytes per second
  Clock clock;
  std::string filter;  // part of "op shape"
};

struct TableResult {
  int rows = 0;
  int failed = 0;  // further from the reference than the precision allows
};

/// Prints a line for each kernel that passes the filter, on a GPU with eight times the sequences.
TableResult print_kernels(const KernelTable& table);

}  // namespace dnabird::kernels::bench
