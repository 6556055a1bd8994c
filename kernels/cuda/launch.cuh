// Launching a kernel, with the error of the launch as an exception.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
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

/// Lets a kernel have the shared memory of a launch.
template <class Kernel>
void allow_shared_memory(Kernel* kernel, int bytes) {
  constexpr int kWithoutAsking = 48 * 1024;
  if (bytes > kWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "shared memory of a kernel");
  }
  // Without asking, the first-level cache may leave room for fewer thread blocks than are planned.
  constexpr int kLivesInSharedMemory = 16 * 1024;
  if (bytes >= kLivesInSharedMemory) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                               cudaSharedmemCarveoutMaxShared),
          "shared memory of a kernel");
  }
}

/// The launch alone, of a kernel that may have its shared memory.
template <class... Parameters, class... Arguments>
void launch_allowed(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
                    const Arguments&... arguments) {
  kernel<<<static_cast<unsigned>(shape.blocks), shape.threads,
           static_cast<std::size_t>(shape.shared_bytes), stream>>>(arguments...);
  check(cudaGetLastError(), "launch of a kernel");
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > 0x7FFFFFFF) throw std::runtime_error("CUDA: too many thread blocks");
  allow_shared_memory(kernel, shape.shared_bytes);
  launch_allowed(kernel, shape, stream, arguments...);
}

/// The same for a kernel whose thread blocks share `shape.blocks` pieces of work: no more of them
/// than the device runs at one time.
template <class... Parameters, class... Arguments>
void launch_resident(void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
                     const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > 0x7FFFFFFF) throw std::runtime_error("CUDA: too many pieces of work");
  allow_shared_memory(kernel, shape.shared_bytes);
  int device = 0, multiprocessors = 0, fit = 0;
  check(cudaGetDevice(&device), "the current device");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "multiprocessors of a device");
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fit, kernel, shape.threads,
                                                      static_cast<std::size_t>(shape.shared_bytes)),
        "thread blocks of a kernel that fit");
  shape.blocks = std::min(shape.blocks, std::int64_t{multiprocessors} * fit);
  launch_allowed(kernel, shape, stream, arguments...);
}

}  // namespace dnabird::kernels::cuda
