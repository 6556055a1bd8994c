// Dropout of elements in device code.
#pragma once

#include "kernels/cuda/ops/elements.cuh"
#include "kernels/kernel_set.h"
#include "kernels/philox.h"

namespace dnabird::kernels::cuda {

/// One use of dropout with what is the same for all elements worked out; an argument of a kernel.
struct DeviceDraws {
  std::uint64_t seed, use;
  const std::uint64_t* step;
  std::uint32_t threshold;
  float scale;
  bool drops;
};

inline DeviceDraws device_draws(const DropoutDraws& draws) {
  return {draws.seed,
          draws.stream,
          draws.step,
          dropout_threshold(draws.p),
          static_cast<float>(1.0 / (1.0 - draws.p)),
          draws.p > 0};
}

/// What one thread drops.
class ElementDropout {
 public:
  /// Reads the step, if there is one.
  __device__ __forceinline__ explicit ElementDropout(const DeviceDraws& draws)
      : draws_(draws), stream_(draws.drops ? dropout_stream(draws.step, draws.use) : 0) {}

  /// Elements i, i + 1, ... of a buffer; i and kWidth are multiples of 4: one block of words for
  /// four elements.
  template <int kWidth>
  __device__ __forceinline__ void drop(std::int64_t i, float (&x)[kWidth]) const {
    static_assert(kWidth % 4 == 0);
#pragma unroll
    for (int j = 0; j < kWidth; j += 4) {
      const PhiloxBlock block = philox(draws_.seed, stream_, static_cast<std::uint64_t>(i + j) / 4);
#pragma unroll
      for (int k = 0; k < 4; ++k) x[j + k] = kept(block.word[k], x[j + k]);
    }
  }
  /// One element, for any i.
  __device__ __forceinline__ void drop(std::int64_t i, float (&x)[1]) const {
    const std::uint64_t word = static_cast<std::uint64_t>(i);
    const PhiloxBlock block = philox(draws_.seed, stream_, word / 4);
    // An index at run time would put the block into local memory.
    const std::uint32_t low = word % 2 == 0 ? block.word[0] : block.word[1];
    const std::uint32_t high = word % 2 == 0 ? block.word[2] : block.word[3];
    x[0] = kept(word % 4 < 2 ? low : high, x[0]);
  }

 private:
  /// Rounded before anything is added to it, as dropout on its own is.
  __device__ __forceinline__ float kept(std::uint32_t word, float x) const {
    return word >= draws_.threshold ? __fmul_rn(x, draws_.scale) : 0.0f;
  }

  const DeviceDraws& draws_;
  std::uint64_t stream_;
};

}  // namespace dnabird::kernels::cuda
