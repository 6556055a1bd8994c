#include "kernels/cuda/ops/to_bf16.h"

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ops/elements.cuh"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kThreads = 256;

/// One thread for four elements; `vectors` says whether both arrays are aligned for that.
__global__ void round_kernel(std::size_t n, const float* x, Bf16* y, bool vectors) {
  const std::size_t begin = 4 * (std::size_t{blockIdx.x} * kThreads + threadIdx.x);
  if (vectors && begin + 4 <= n) {
    const auto from = *reinterpret_cast<const Four<float>*>(x + begin);
    Four<Bf16> to;
#pragma unroll
    for (int i = 0; i < 4; ++i) store(to.element[i], from.element[i]);
    *reinterpret_cast<Four<Bf16>*>(y + begin) = to;
    return;
  }
  for (std::size_t i = begin; i < begin + 4 && i < n; ++i) store(y[i], x[i]);
}

}  // namespace

void to_bf16(const Context& context, std::size_t n, const float* x, Bf16* y) {
  const bool vectors = reinterpret_cast<std::uintptr_t>(x) % sizeof(Four<float>) == 0 &&
                       reinterpret_cast<std::uintptr_t>(y) % sizeof(Four<Bf16>) == 0;
  constexpr std::size_t kElements = 4 * kThreads;
  launch(round_kernel, {static_cast<std::int64_t>((n + kElements - 1) / kElements), kThreads, 0},
         context.stream, n, x, y, vectors);
}

}  // namespace dnabird::kernels::cuda
