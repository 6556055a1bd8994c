// The rate at which this processor multiplies tiles that lie in its first cache: the limit of block
// attention, whose products are no larger.
#pragma once

#include "kernels/bench/clock.h"

namespace dnabird::kernels::bench {

enum class Precision { f32, bf16 };

/// FLOP/s of 64 x 64 x 64 products, the same operands over and over, on `threads` threads at once;
/// sums in f32. 0 where the processor has no instruction for the precision. Throws
/// std::runtime_error if the products are wrong.
double tile_product_rate(Precision precision, int threads, Clock clock);

}  // namespace dnabird::kernels::bench
