// Philox4x32-10, the counter-based generator of Salmon et al. 2011 ("Parallel random numbers: as
// easy as 1, 2, 3"): word i of a stream is a pure function of (seed, stream, i), so any thread and
// any device can make any part of it. Usable in device code: no library calls.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define DNABIRD_HOST_DEVICE __host__ __device__
#else
#define DNABIRD_HOST_DEVICE
#endif

namespace dnabird::kernels {

struct PhiloxBlock {
  std::uint32_t word[4];
};

/// Block `index` (four words) of the stream (seed, stream).
DNABIRD_HOST_DEVICE inline PhiloxBlock philox(std::uint64_t seed, std::uint64_t stream,
                                              std::uint64_t index) {
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  PhiloxBlock c{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                 static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c.word[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c.word[2];
    c = PhiloxBlock{
        {static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ key0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ key1, static_cast<std::uint32_t>(p0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

/// Word `i` of the stream.
DNABIRD_HOST_DEVICE inline std::uint32_t philox_word(std::uint64_t seed, std::uint64_t stream,
                                                     std::uint64_t i) {
  return philox(seed, stream, i / 4).word[i % 4];
}

DNABIRD_HOST_DEVICE inline std::uint64_t splitmix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// A stream number out of parts (splitmix64 over them), so that unrelated uses never share words.
DNABIRD_HOST_DEVICE inline std::uint64_t mix(std::uint64_t a, std::uint64_t b = 0,
                                             std::uint64_t c = 0) {
  return splitmix(splitmix(splitmix(a) ^ b) ^ c);
}

/// The stream that a use of dropout draws from; `step` may be null, see DropoutDraws.
DNABIRD_HOST_DEVICE inline std::uint64_t dropout_stream(const std::uint64_t* step,
                                                        std::uint64_t use) {
  return step ? mix(*step, use) : use;
}

/// Dropout keeps an element when its word is at or above this.
DNABIRD_HOST_DEVICE inline std::uint32_t dropout_threshold(double p) {
  return static_cast<std::uint32_t>(p * 4294967296.0);
}

}  // namespace dnabird::kernels
