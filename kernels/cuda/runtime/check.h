// Errors of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace dnabird::kernels::cuda {

/// Throws std::runtime_error that says what failed and why.
inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
  }
}

/// Whether what cudaEventQuery or cudaStreamQuery answered is that work is under way. That answer
/// is also kept as the last error, which the next launch would find: here it is forgotten.
inline bool is_under_way(cudaError_t answer) {
  if (answer != cudaErrorNotReady) return false;
  cudaGetLastError();
  return true;
}

}  // namespace dnabird::kernels::cuda
