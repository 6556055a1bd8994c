// What this machine can do at most, measured in the same run as what is compared with it.
#pragma once

#include "kernels/bench/clock.h"
#include "kernels/bench/operation.h"
#include "kernels/bench/tile_product.h"

namespace dnabird::kernels::bench {

/// The product of linear layers that all rates of products are compared with; larger on a GPU.
Operation matrix_product(const KernelSet& kernels);
/// FLOP/s of it.
double matrix_product_rate(KernelSet& kernels, Clock clock);

/// y = a + b of arrays far larger than any cache.
Operation large_addition();

struct MemoryRates {
  double copy;   // y = x
  double triad;  // y = a + s b (McCalpin's STREAM); on a GPU s = 1
};

/// Bytes per second of arrays far larger than any cache, each counted once: read, or written.
MemoryRates memory_rates(int threads, Clock clock);
/// The same in a GPU's memory, by its own kernels.
MemoryRates memory_rates(KernelSet& kernels);

}  // namespace dnabird::kernels::bench
