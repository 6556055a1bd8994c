// Sums over kernel sets whose memory is the host's.
#pragma once

#include <memory>

#include "kernels/exchange.h"

namespace dnabird::kernels {

/// Every member's thread adds a part, in the order of the members.
std::unique_ptr<Exchange> make_host_exchange(std::size_t members);

}  // namespace dnabird::kernels
