#include "kernels/cuda/ops/dropout.h"

#include "kernels/cuda/ops/elementwise.cuh"
#include "kernels/philox.h"

namespace dnabird::kernels::cuda {

namespace {

template <class T>
struct DropoutOp {
  const T* x;
  T* y;
  std::uint64_t seed, use;
  const std::uint64_t* step;
  std::uint32_t threshold;
  float scale;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    constexpr int kWords = kWidth < 4 ? kWidth : 4;
    float value[kWidth];
    load_elements(x + i, value);
    const std::uint64_t stream = dropout_stream(step, use);
#pragma unroll
    for (int j = 0; j < kWidth; j += kWords) {
      const std::uint64_t word = static_cast<std::uint64_t>(i + j);
      const PhiloxBlock block = philox(seed, stream, word / 4);
#pragma unroll
      for (int k = 0; k < kWords; ++k) {
        const std::uint32_t drawn = kWords == 4 ? block.word[k] : word_of(block, word % 4);
        value[j + k] = drawn >= threshold ? value[j + k] * scale : 0.0f;
      }
    }
    store_elements(y + i, value);
  }

 private:
  /// An index at run time would put the block into local memory.
  __device__ __forceinline__ static std::uint32_t word_of(const PhiloxBlock& block,
                                                          std::uint64_t k) {
    const std::uint32_t low = k % 2 == 0 ? block.word[0] : block.word[1];
    const std::uint32_t high = k % 2 == 0 ? block.word[2] : block.word[3];
    return k < 2 ? low : high;
  }
};

}  // namespace

template <class T>
void dropout(const Context& context, const DropoutArgs& a) {
  for_each_element<kPackSize<T>>(
      context, a.n, are_aligned({a.x, a.y}),
      DropoutOp<T>{static_cast<const T*>(a.x), static_cast<T*>(a.y), a.draws.seed, a.draws.stream,
                   a.draws.step, dropout_threshold(a.draws.p),
                   static_cast<float>(1.0 / (1.0 - a.draws.p))});
}

template void dropout<float>(const Context&, const DropoutArgs&);
template void dropout<Bf16>(const Context&, const DropoutArgs&);

}  // namespace dnabird::kernels::cuda
