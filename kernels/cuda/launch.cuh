// Launching a kernel, with the error of the launch as an exception.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>

#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

/// One-dimensional; nothing is launched for 0 blocks.
struct LaunchShape {
  std::int64_t blocks;
  int threads;
  int shared_bytes;  // dynamic
};

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > 0x7FFFFFFF) throw std::runtime_error("CUDA: too many thread blocks");
  constexpr int kWithoutAsking = 48 * 1024;
  if (shape.shared_bytes > kWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               shape.shared_bytes),
          "shared memory of a kernel");
  }
  // Without asking, the first-level cache may leave room for fewer thread blocks than are planned.
  constexpr int kLivesInSharedMemory = 16 * 1024;
  if (shape.shared_bytes >= kLivesInSharedMemory) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                               cudaSharedmemCarveoutMaxShared),
          "shared memory of a kernel");
  }
  kernel<<<static_cast<unsigned>(shape.blocks), shape.threads,
           static_cast<std::size_t>(shape.shared_bytes), stream>>>(arguments...);
  check(cudaGetLastError(), "launch of a kernel");
}

}  // namespace dnabird::kernels::cuda
