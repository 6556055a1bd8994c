// The largest resident set of this process since a moment of one's choice (Linux).
#pragma once

#include <cstdint>

namespace dnabird::benchmarks {

/// Freed memory goes back to the system, and the peak begins anew from what is in use.
void reset_peak_memory();

/// Bytes; 0 where the system does not tell.
std::int64_t peak_memory();

}  // namespace dnabird::benchmarks
