// What this machine can do at most, measured in the same run as what is compared with it.
#pragma once

#include "kernels/bench/clock.h"
#include "kernels/bench/operation.h"
#include "kernels/bench/tile_product.h"

namespace dnabird::kernels::bench {

/// The product of linear layers that all rates of products are compared with.
Operation matrix_product();
/// FLOP/s of it.
double matrix_product_rate(KernelSet& kernels, Clock clock);

struct MemoryRates {
  double copy;   // y = x
  double triad;  // y = a + s b (McCalpin's STREAM), what the ops bound by memory are compared with
};

/// Bytes per second of arrays far larger than any cache, each counted once: read, or written.
MemoryRates memory_rates(int threads, Clock clock);

}  // namespace dnabird::kernels::bench
