// The compression function of SHA-256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace dnabird::io {

using Sha256State = std::array<std::uint32_t, 8>;

/// Takes `n_blocks` blocks of 64 bytes into the state (FIPS 180-4, section 6.2.2), with the
/// instructions of the processor for it where it has them.
void sha256_blocks(const unsigned char* bytes, std::size_t n_blocks, Sha256State& state);

/// The same without such instructions: the path of other processors, and the truth for tests.
void sha256_blocks_portable(const unsigned char* bytes, std::size_t n_blocks, Sha256State& state);

}  // namespace dnabird::io
