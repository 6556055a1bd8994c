#include "kernels/cuda/runtime/device_memory.h"

#include <cstdio>
#include <string>

#include "kernels/cuda/runtime/check.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

namespace {

constexpr std::size_t kAlignment = 512;  // of cudaMalloc: 256 at least

std::string gibibytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / (1U << 30U));
  return text;
}

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaSuccess) return memory;
  cudaGetLastError();
  if (error != cudaErrorMemoryAllocation) check(error, "allocation of device memory");
  std::size_t left = 0, all = 0;
  check(cudaMemGetInfo(&left, &all), "size of the device's memory");
  throw OutOfMemory("the GPU's memory does not hold " + gibibytes(bytes) + " more (" +
                    gibibytes(left) + " of " + gibibytes(all) + " are free)");
}

void release(void* memory) { cudaFree(memory); }

}  // namespace

SystemMemory device_memory() { return {allocate, release, kAlignment}; }

}  // namespace dnabird::kernels::cuda
